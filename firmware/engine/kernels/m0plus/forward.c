/* Cortex-M0+ forward pass: it walks lists of non-zero inputs, and leaves the dense inner loops to assembly. */
#include "../../arithmetic.h"
#include "layer_memory.h"
#include "m0plus.h"

#include <string.h>

#define LANE_INPUT_SUM 257 /* of inputs that a 16-bit lane can take: 257 * 255 = 65535 */
#define WEIGHT_BIAS 128

static void PRIOT_HOT scatter_row(const engine_layer *layer, const layer_memory *memory, uint32_t ky, uint32_t iy,
                                  int32_t *acc) {
    const engine_layer_config *config = &layer->config;
    const uint32_t outputs = config->out_channels, kernel = config->kernel;
    const uint32_t first_pixel = iy * config->in_width;
    const int32_t *weights = memory->wide + ky * kernel * outputs;
    const sparse_element *element = memory->inputs + memory->starts[first_pixel];
    const sparse_element *end = memory->inputs + memory->starts[first_pixel + config->in_width];
    for (; element < end; element++) {
        /* taps kernel - 1 .. 0 fall on columns left .. left + kernel - 1 */
        const int32_t left = (int32_t)(sparse_index(*element) - first_pixel + config->padding + 1) - (int32_t)kernel;
        const uint32_t skipped = left < 0 ? (uint32_t)-left : 0;
        const uint32_t room = (uint32_t)((int32_t)layer->conv_width - left);
        const uint32_t count = (room < kernel ? room : kernel) - skipped;
        m0plus_scatter(acc + (uint32_t)(left + (int32_t)skipped) * outputs, weights + skipped * outputs,
                       sparse_value(*element), count * outputs);
    }
}

/* One kernel row of a window: where its map row's elements are listed, and the weights. */
typedef struct {
    const uint16_t *starts; /* of the map row */
    uintptr_t weights; /* of map element 0, were it at the window's left edge: may lie outside, is never read there */
} window_row;

/* The kernel rows inside the map at output row oy. */
static uint32_t list_window_rows(const engine_layer *layer, const layer_memory *memory, uint32_t oy, window_row *rows) {
    const engine_layer_config *config = &layer->config;
    const uint32_t element_bytes = config->out_channels * (uint32_t)sizeof(int32_t);
    uint32_t count = 0;
    for (uint32_t ky = 0; ky < config->kernel; ky++) {
        const uint32_t iy = oy * config->stride + ky - config->padding; /* wraps above the map */
        if (iy < config->in_height) {
            const uint32_t pixel = iy * config->in_width;
            const uint32_t elements = (ky * config->kernel - pixel) * config->in_channels; /* wraps, as pointers do */
            rows[count++] = (window_row){memory->starts + pixel,
                                         (uintptr_t)memory->wide + (uintptr_t)(int32_t)(elements * element_bytes)};
        }
    }
    return count;
}

static void PRIOT_HOT run_groups(m0plus_work *work, m0plus_work *end, uint32_t outputs) {
    if (end == work) {
        return;
    }
    *end = (m0plus_work){0, 0};
    for (uint32_t group = 0; group < outputs; group += M0PLUS_GROUP) {
        m0plus_gather8(work, group * sizeof(int32_t));
    }
}

/* Accumulators of one output row by gathering. */
static void PRIOT_HOT gather_row(const engine_layer *layer, const layer_memory *memory, uint32_t oy, int32_t *acc) {
    const engine_layer_config *config = &layer->config;
    const uint32_t outputs = config->out_channels, element_bytes = outputs * (uint32_t)sizeof(int32_t);
    const uint32_t step_bytes = config->stride * config->in_channels * element_bytes;
    const int32_t width = (int32_t)config->in_width, kernel = (int32_t)config->kernel;
    m0plus_work *const work = layer->kernel_scratch;
    m0plus_work *const full = work + M0PLUS_WORK_ITEMS - layer->fan_in - 2; /* no room for one more window */
    m0plus_work *next = work;
    window_row rows[M0PLUS_MAX_KERNEL];
    const uint32_t row_count = list_window_rows(layer, memory, oy, rows);
    const window_row *const rows_end = rows + row_count;
    int32_t left = -(int32_t)config->padding;
    uintptr_t shift = (uintptr_t)(left * (int32_t)(config->in_channels * element_bytes));
    for (uint32_t ox = 0; ox < layer->conv_width; ox++) {
        const uint32_t first = (uint32_t)(left < 0 ? 0 : left);
        const uint32_t last = (uint32_t)(left + kernel < width ? left + kernel : width);
        for (const window_row *row = rows; row < rows_end; row++) {
            const sparse_element *element = memory->inputs + row->starts[first];
            const sparse_element *const end = memory->inputs + row->starts[last];
            const uintptr_t weights = row->weights - shift;
            for (; element < end; element++, next++) {
                next->x = sparse_value(*element);
                next->place = weights + (uintptr_t)(sparse_index(*element) * element_bytes);
            }
        }
        *next++ = (m0plus_work){0, (uintptr_t)acc};
        acc += outputs;
        left += (int32_t)config->stride;
        shift += step_bytes;
        if (next > full) {
            run_groups(work, next, outputs);
            next = work;
        }
    }
    run_groups(work, next, outputs);
}

void PRIOT_HOT m0plus_convolution(const engine_layer *layer, uint32_t first_row, uint32_t rows, int32_t *acc) {
    const layer_memory *memory = layer->kernel_memory;
    if (memory == NULL) {
        engine_kernels_plain.convolution(layer, first_row, rows, acc);
        return;
    }
    const engine_layer_config *config = &layer->config;
    const uint32_t row_elements = layer->conv_width * config->out_channels;
    for (uint32_t oy = first_row; oy < first_row + rows; oy++, acc += row_elements) {
        if (!m0plus_scatters(layer)) {
            gather_row(layer, memory, oy, acc);
            continue;
        }
        m0plus_clear_words((uint32_t *)acc, row_elements);
        for (uint32_t ky = 0; ky < config->kernel; ky++) {
            const uint32_t iy = oy + ky - config->padding;
            if (iy < config->in_height) {
                scatter_row(layer, memory, ky, iy, acc);
            }
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
    if (memory == NULL || !is_unsigned(layer)) {
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

/* An output whose four accumulators are all at most 0 is the most frequent one, and its position is never asked for. */
void PRIOT_HOT m0plus_requantise_row(const engine_layer *layer, const int32_t *acc, uint32_t out_row) {
    if (!layer->config.pool || !layer->config.relu) {
        engine_kernels_plain.requantise_row(layer, acc, out_row);
        return;
    }
    const uint32_t outputs = layer->config.out_channels, shift = layer->activation_shift;
    const uint32_t count = layer->out_width * outputs, below = layer->conv_width * outputs;
    const int32_t half = shift == 0 ? 0 : (int32_t)(1u << (shift - 1));
    int8_t *out = layer->output + out_row * count;
    uint8_t *positions = layer->positions + out_row * count;
    for (const int8_t *end = out + count; out < end; acc += outputs) {
        const int32_t *right = acc + outputs, *under = acc + below, *across = under + outputs;
        for (const int8_t *pixel_end = out + outputs; out < pixel_end; out++, positions++) {
            int32_t best = *acc++;
            const int32_t second = *right++, third = *under++, fourth = *across++;
            uint8_t position = 0;
            if (second > best) {
                best = second;
                position = 1;
            }
            if (third > best) {
                best = third;
                position = 2;
            }
            if (fourth > best) {
                best = fourth;
                position = 3;
            }
            if (best <= 0) {
                *out = 0;
                continue;
            }
            best = (best + half) >> shift;
            *out = (int8_t)(best > INT8_LIMIT ? INT8_LIMIT : best);
            *positions = position;
        }
    }
}
