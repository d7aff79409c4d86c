/* Forward pass of linear layers on the Cortex-M0+: rows of weights of the non-zero inputs. */
#include "layer_memory.h"
#include "m0plus.h"

#include <string.h>

#define LANE_INPUT_SUM 257                  /* of inputs that a 16-bit lane can take: 257 * 255 = 65535 */
#define LANE_ITEMS (1 + LANE_INPUT_SUM + 1) /* at most: one that empties the lanes, inputs of at least 1, the end */
#define WEIGHT_BIAS 128

static void run_rows(m0plus_work *work, m0plus_work *end, uint32_t outputs, int32_t *acc) {
    *end = (m0plus_work){0, 0};
    uint32_t group = 0;
    for (; group + 2 * M0PLUS_GROUP <= outputs; group += 2 * M0PLUS_GROUP) {
        m0plus_rows16(work, group, acc + group);
    }
    if (group < outputs) {
        m0plus_rows8(work, group, acc + group);
    }
}

/* Only for inputs of a ReLU, or of an image: lanes are unsigned. */
static bool is_unsigned(const engine_layer *layer) {
    return layer->below_has_relu;
}

void PRIOT_HOT m0plus_linear(const engine_layer *layer, int32_t *acc) {
    const layer_memory *memory = layer->kernel_memory;
    const uint32_t outputs = layer->config.out_channels;
    memset(acc, 0, outputs * sizeof *acc);
    if (memory == NULL || !is_unsigned(layer) || outputs % M0PLUS_GROUP != 0) {
        for (uint32_t i = 0; i < layer->in_count; i++) {
            if (layer->input[i] != 0) {
                engine_kernels_plain.add_scaled_row(acc, layer->effective + i * outputs, layer->input[i], outputs);
            }
        }
        return;
    }
    m0plus_work *const work = layer->kernel_scratch;
    m0plus_work *next = work;
    const sparse_element *input = memory->inputs, *const end = input + memory->input_count;
    int32_t sum = 0;
    while (input < end) {
        if (next > work + M0PLUS_WORK_ITEMS - LANE_ITEMS) {
            run_rows(work, next, outputs, acc);
            next = work;
        } else if (next > work) {
            *next++ = (m0plus_work){0, 1};
        }
        int32_t room = LANE_INPUT_SUM; /* of the lanes, for more inputs */
        for (int32_t x; input < end && (x = sparse_value(*input)) <= room; input++) {
            room -= x;
            *next++ = (m0plus_work){x, (uintptr_t)(layer->effective + sparse_index(*input) * outputs)};
        }
        sum += LANE_INPUT_SUM - room;
    }
    run_rows(work, next, outputs, acc);
    for (uint32_t o = 0; o < outputs; o++) {
        acc[o] -= WEIGHT_BIAS * sum;
    }
}
