/* Cortex-M0+ forward pass: it walks lists of non-zero inputs, and leaves the dense inner loops to assembly. */
#include "../../arithmetic.h"
#include "layer_memory.h"
#include "m0plus.h"

#include <string.h>

#define LANE_INPUT_SUM 257 /* of inputs that a 16-bit lane can take: 257 * 255 = 65535 */
#define WEIGHT_BIAS 128

/* One kernel row of a window: where its map row's elements are listed. */
typedef struct {
    const uint16_t *starts;
    int32_t tap; /* of map element 0, were it at the window's left edge */
} window_row;

typedef struct {
    window_row rows[M0PLUS_MAX_KERNEL];
    uint32_t count;
} window_rows;

/* The kernel rows inside the map at accumulator row oy. */
static void PRIOT_HOT list_window_rows(const engine_layer *layer, uint32_t oy, window_rows *list) {
    const engine_layer_config *config = &layer->config;
    const layer_memory *memory = layer->kernel_memory;
    list->count = 0;
    for (uint32_t ky = 0; ky < config->kernel; ky++) {
        const uint32_t iy = oy * config->stride + ky - config->padding; /* wraps above the map */
        if (iy < config->in_height) {
            const uint32_t pixel = iy * config->in_width;
            list->rows[list->count++] =
                (window_row){.starts = memory->starts + pixel,
                             .tap = (int32_t)((ky * config->kernel - pixel) * config->in_channels)};
        }
    }
}

/* The columns of the map that a window covers. */
typedef struct {
    uint32_t first, last; /* past the last */
    int32_t skipped;      /* taps that its left edge is to the right of the map's; negative in the padding */
} window_columns;

static inline window_columns clip_columns(const engine_layer *layer, uint32_t ox) {
    const engine_layer_config *config = &layer->config;
    const int32_t left = (int32_t)(ox * config->stride) - (int32_t)config->padding;
    const int32_t right = left + (int32_t)config->kernel, width = (int32_t)config->in_width;
    return (window_columns){.first = (uint32_t)(left < 0 ? 0 : left),
                            .last = (uint32_t)(right < width ? right : width),
                            .skipped = left * (int32_t)config->in_channels};
}

/* Lists the segments of a window at `segments`; `next`: the next window's, or NULL. */
static inline void list_window(const sparse_element *inputs, const window_rows *list, window_columns columns,
                               m0plus_segment *segments, const m0plus_segment *next) {
    for (const window_row *row = list->rows, *end = row + list->count; row < end; row++) {
        const uint32_t from = row->starts[columns.first], to = row->starts[columns.last];
        if (from != to) {
            segments->begin = inputs + from;
            segments->end = inputs + to;
            segments->tap = row->tap - columns.skipped;
            segments++;
        }
    }
    segments->begin = NULL;
    segments->end = next;
}

/* Whether windows from the first row and column of one to the last of another hold nothing. */
static inline bool is_empty(const engine_layer *layer, const window_rows *upper, const window_rows *lower,
                            uint32_t first, uint32_t last) {
    const uint16_t *starts = upper->rows[0].starts, *end = lower->rows[lower->count - 1].starts;
    for (; starts <= end; starts += layer->config.in_width) {
        if (starts[first] != starts[last]) {
            return false;
        }
    }
    return true;
}

static const uint32_t *PRIOT_HOT gather_group(const engine_layer *layer, uint32_t group, const uint32_t *lanes) {
    const layer_memory *memory = layer->kernel_memory;
    m0plus_windows *windows = layer->kernel_scratch;
    const uint32_t outputs = m0plus_group_outputs(layer, group);
    (outputs == M0PLUS_GROUP ? m0plus_gather8 : m0plus_gather16)(windows->segments[0], windows->acc, lanes,
                                                                 memory->lane_budget);
    return lanes + layer->fan_in * outputs / 2;
}

void PRIOT_HOT m0plus_convolution(const engine_layer *layer, uint32_t first_row, uint32_t rows, int32_t *acc) {
    const layer_memory *memory = layer->kernel_memory;
    if (memory == NULL) {
        engine_kernels_plain.convolution(layer, first_row, rows, acc);
        return;
    }
    m0plus_windows *windows = layer->kernel_scratch;
    const uint32_t outputs = layer->config.out_channels;
    for (uint32_t oy = first_row; oy < first_row + rows; oy++) {
        window_rows list;
        list_window_rows(layer, oy, &list);
        for (uint32_t ox = 0, count; ox < layer->conv_width; ox += count, acc += count * outputs) {
            count = layer->conv_width - ox < M0PLUS_WINDOWS ? layer->conv_width - ox : M0PLUS_WINDOWS;
            for (uint32_t window = 0; window < count; window++) {
                list_window(memory->inputs, &list, clip_columns(layer, ox + window), windows->segments[window],
                            window + 1 < count ? windows->segments[window + 1] : NULL);
            }
            const uint32_t *lanes = memory->lanes;
            for (uint32_t group = 0; group < outputs; group += m0plus_group_outputs(layer, group)) {
                lanes = gather_group(layer, group, lanes);
                const int32_t *from = windows->acc;
                for (uint32_t o = group; o < group + m0plus_group_outputs(layer, group); o++, from += M0PLUS_WINDOWS) {
                    for (uint32_t window = 0; window < count; window++) {
                        acc[window * outputs + o] = from[window];
                    }
                }
            }
        }
    }
}

/* Outputs and positions of one group from the accumulators of a pool's four windows. An output that is not positive
 * stays as it is, 0, and its position is never asked for. */
static void PRIOT_HOT pool_group(const int32_t *acc, uint32_t outputs, uint32_t shift, int8_t *out,
                                 uint8_t *positions) {
    const int32_t half = shift == 0 ? 0 : (int32_t)(1u << (shift - 1));
    for (const int8_t *end = out + outputs; out < end; out++, positions++, acc += M0PLUS_WINDOWS) {
        int32_t best = acc[0];
        uint8_t position = 0;
        if (acc[1] > best) {
            best = acc[1];
            position = 1;
        }
        if (acc[2] > best) {
            best = acc[2];
            position = 2;
        }
        if (acc[3] > best) {
            best = acc[3];
            position = 3;
        }
        if (best > 0) {
            best = (best + half) >> shift;
            *out = (int8_t)(best > INT8_LIMIT ? INT8_LIMIT : best);
            *positions = position;
        }
    }
}

void PRIOT_HOT m0plus_convolution_row(const engine_layer *layer, uint32_t out_row, int32_t *acc) {
    const layer_memory *memory = layer->kernel_memory;
    const engine_layer_config *config = &layer->config;
    if (memory == NULL || !config->relu || !config->pool) {
        const uint32_t rows = config->pool ? 2 : 1;
        m0plus_convolution(layer, out_row * rows, rows, acc);
        engine_kernels_plain.requantise_row(layer, acc, out_row);
        return;
    }
    m0plus_windows *windows = layer->kernel_scratch;
    const uint32_t outputs = config->out_channels, count = layer->out_width * outputs;
    int8_t *out = layer->output + out_row * count;
    uint8_t *positions = layer->positions + out_row * count;
    window_rows upper, lower;
    list_window_rows(layer, 2 * out_row, &upper);
    list_window_rows(layer, 2 * out_row + 1, &lower);
    memset(out, 0, count);
    if (is_empty(layer, &upper, &lower, 0, config->in_width)) {
        return;
    }
    for (uint32_t ox = 0; ox < layer->out_width; ox++, out += outputs, positions += outputs) {
        const window_columns left = clip_columns(layer, 2 * ox), right = clip_columns(layer, 2 * ox + 1);
        if (is_empty(layer, &upper, &lower, left.first, right.last)) {
            continue;
        }
        list_window(memory->inputs, &upper, left, windows->segments[0], windows->segments[1]);
        list_window(memory->inputs, &upper, right, windows->segments[1], windows->segments[2]);
        list_window(memory->inputs, &lower, left, windows->segments[2], windows->segments[3]);
        list_window(memory->inputs, &lower, right, windows->segments[3], NULL);
        const uint32_t *lanes = memory->lanes;
        for (uint32_t group = 0; group < outputs; group += m0plus_group_outputs(layer, group)) {
            lanes = gather_group(layer, group, lanes);
            pool_group(windows->acc, m0plus_group_outputs(layer, group), layer->activation_shift, out + group,
                       positions + group);
        }
    }
}

static void run_rows(m0plus_work *work, m0plus_work *end, uint32_t outputs, int32_t *acc) {
    *end = (m0plus_work){0, 0};
    for (uint32_t group = 0; group < outputs; group += M0PLUS_GROUP) {
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
    m0plus_work *const full =
        work + M0PLUS_WORK_ITEMS - 3; /* an item, one that empties the lanes before it, and the end */
    m0plus_work *next = work;
    int32_t sum = 0, lane_sum = 0;
    for (uint32_t i = 0; i < memory->input_count; i++) {
        const sparse_element element = memory->inputs[i];
        const int32_t x = sparse_value(element);
        sum += x;
        lane_sum += x;
        if (next > full) {
            run_rows(work, next, outputs, acc);
            next = work;
            lane_sum = x;
        } else if (lane_sum > LANE_INPUT_SUM) {
            *next++ = (m0plus_work){0, 1};
            lane_sum = x;
        }
        *next++ = (m0plus_work){x, (uintptr_t)(layer->effective + sparse_index(element) * outputs)};
    }
    run_rows(work, next, outputs, acc);
    for (uint32_t o = 0; o < outputs; o++) {
        acc[o] -= WEIGHT_BIAS * sum;
    }
}
