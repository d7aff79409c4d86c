/* Forward pass of convolutions on the Cortex-M0+: up to four windows at a time, a pool's four where there is one, from
 * the lists of their non-zero inputs. */
#include "layer_memory.h"
#include "m0plus.h"

#include <string.h>

/* One kernel row of a window: where its map row's elements are listed. */
typedef struct {
    const uint16_t *starts;
    int32_t tap; /* of map element 0, were it at the window's left edge */
} window_row;

/* The windows of one accumulator row: their kernel rows inside the map. */
typedef struct {
    uint32_t count;
    window_row rows[M0PLUS_MAX_KERNEL];
} window_rows;

/* The columns of the map that a window covers. */
typedef struct {
    uint32_t first, last; /* past the last */
    int32_t left;         /* of the window; negative in the padding */
} window_columns;

static void PRIOT_HOT list_rows(const engine_layer *layer, uint32_t oy, window_rows *list) {
    const engine_layer_config *config = &layer->config;
    const layer_memory *memory = layer->kernel_memory;
    const int32_t top = (int32_t)(oy * config->stride) - (int32_t)config->padding;
    const int32_t bottom = top + (int32_t)config->kernel, height = (int32_t)config->in_height;
    const uint32_t first = (uint32_t)(top < 0 ? 0 : top), last = (uint32_t)(bottom < height ? bottom : height);
    const uint32_t ky = (uint32_t)((int32_t)first - top), elements = config->in_width * config->in_channels;
    list->count = last - first;
    const uint16_t *starts = memory->starts + first * config->in_width;
    int32_t tap = (int32_t)(ky * config->kernel * config->in_channels - first * elements);
    for (uint32_t row = 0; row < list->count; row++, starts += config->in_width) {
        list->rows[row] = (window_row){.starts = starts, .tap = tap};
        tap += (int32_t)(config->kernel * config->in_channels - elements);
    }
}

static inline window_columns clip_columns(const engine_layer *layer, uint32_t ox) {
    const engine_layer_config *config = &layer->config;
    const int32_t left = (int32_t)(ox * config->stride) - (int32_t)config->padding;
    const int32_t right = left + (int32_t)config->kernel, width = (int32_t)config->in_width;
    return (window_columns){
        .first = (uint32_t)(left < 0 ? 0 : left), .last = (uint32_t)(right < width ? right : width), .left = left};
}

/* Lists the segments of a window; `next`: the next window's, or NULL. */
static inline void list_segments(const engine_layer *layer, const window_rows *list, window_columns columns,
                                 m0plus_segment *segments, const m0plus_segment *next) {
    const layer_memory *memory = layer->kernel_memory;
    const sparse_element *const inputs = memory->inputs;
    const int32_t skipped = columns.left * (int32_t)layer->config.in_channels;
    for (const window_row *row = list->rows, *end = row + list->count; row < end; row++) {
        const uint32_t from = row->starts[columns.first], to = row->starts[columns.last];
        if (from != to) {
            segments->begin = inputs + from;
            segments->end = inputs + to;
            segments->tap = row->tap - skipped;
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

/* Accumulators of the listed windows for one group of outputs. Returns the next group's weights. */
static const uint8_t *accumulate(const engine_layer *layer, uint32_t outputs, const uint8_t *weights) {
    const layer_memory *memory = layer->kernel_memory;
    m0plus_windows *windows = layer->kernel_scratch;
    (outputs == M0PLUS_GROUP ? m0plus_gather8 : m0plus_gather16)(windows->segments[0], windows->acc,
                                                                 (const uint32_t *)weights, memory->lane_budget);
    return weights + layer->fan_in * outputs * 2;
}

void PRIOT_HOT m0plus_convolution(const engine_layer *layer, uint32_t first_row, uint32_t rows, int32_t *acc) {
    const layer_memory *memory = layer->kernel_memory;
    if (memory == NULL) {
        engine_kernels_plain.convolution(layer, first_row, rows, acc);
        return;
    }
    if (m0plus_reads_pixels(layer)) {
        m0plus_pixels_convolution(layer, first_row, rows, acc);
        return;
    }
    m0plus_windows *windows = layer->kernel_scratch;
    const uint32_t outputs = layer->config.out_channels;
    for (uint32_t oy = first_row; oy < first_row + rows; oy++) {
        window_rows list;
        list_rows(layer, oy, &list);
        for (uint32_t ox = 0, count; ox < layer->conv_width; ox += count, acc += count * outputs) {
            count = layer->conv_width - ox < M0PLUS_WINDOWS ? layer->conv_width - ox : M0PLUS_WINDOWS;
            for (uint32_t window = 0; window < count; window++) {
                const window_columns columns = clip_columns(layer, ox + window);
                list_segments(layer, &list, columns, windows->segments[window],
                              window + 1 < count ? windows->segments[window + 1] : NULL);
            }
            const uint8_t *weights = memory->weights;
            for (uint32_t first = 0, group; first < outputs; first += group) {
                group = m0plus_group_outputs(layer, first);
                weights = accumulate(layer, group, weights);
                m0plus_spread(windows->acc, group, count, acc + first, outputs);
            }
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
    if (m0plus_reads_pixels(layer)) {
        m0plus_pixels_pool_row(layer, out_row);
        return;
    }
    m0plus_windows *windows = layer->kernel_scratch;
    const uint32_t outputs = config->out_channels, count = layer->out_width * outputs;
    int8_t *out = layer->output + out_row * count;
    uint8_t *positions = layer->positions + out_row * count;
    window_rows upper, lower;
    list_rows(layer, 2 * out_row, &upper);
    list_rows(layer, 2 * out_row + 1, &lower);
    memset(out, 0, count);
    if (is_empty(layer, &upper, &lower, 0, config->in_width)) {
        return;
    }
    for (uint32_t ox = 0; ox < layer->out_width; ox++, out += outputs, positions += outputs) {
        const window_columns left = clip_columns(layer, 2 * ox), right = clip_columns(layer, 2 * ox + 1);
        if (is_empty(layer, &upper, &lower, left.first, right.last)) {
            continue;
        }
        list_segments(layer, &upper, left, windows->segments[0], windows->segments[1]);
        list_segments(layer, &upper, right, windows->segments[1], windows->segments[2]);
        list_segments(layer, &lower, left, windows->segments[2], windows->segments[3]);
        list_segments(layer, &lower, right, windows->segments[3], NULL);
        const uint8_t *weights = memory->weights;
        for (uint32_t first = 0, group; first < outputs; first += group) {
            group = m0plus_group_outputs(layer, first);
            weights = accumulate(layer, group, weights);
            for (uint32_t o = 0; o < group; o += M0PLUS_GROUP) {
                m0plus_pool8(windows->acc + o * M0PLUS_WINDOWS, out + first + o, positions + first + o,
                             layer->activation_shift);
            }
        }
    }
}
