/* Forward pass of convolutions on the Cortex-M0+: up to four windows at a time, a pool's four where there is one. */
#include "../../arithmetic.h"
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
    const int8_t *pixels; /* the first one's map row */
    uint32_t tap;         /* the first one's first */
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
    list->pixels = layer->input + first * elements;
    list->tap = ky * config->kernel * config->in_channels;
    const uint16_t *starts = memory->starts + first * config->in_width;
    int32_t tap = (int32_t)(list->tap - first * elements);
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

/* Lists a window of a map of one channel; after it none, as yet. */
static inline void list_pixels(const engine_layer *layer, const window_rows *list, window_columns columns,
                               m0plus_pixels *window) {
    const layer_memory *memory = layer->kernel_memory;
    const uint32_t tap = list->tap + (uint32_t)((int32_t)columns.first - columns.left);
    window->pixels = list->pixels + columns.first;
    window->rows = list->count;
    window->columns = columns.last - columns.first;
    window->weights = (const int32_t *)memory->weights + tap * M0PLUS_GROUP;
    window[1].pixels = NULL;
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

/* Accumulators of the listed windows for one group of outputs; the groups come in order. */
static void PRIOT_HOT accumulate(const engine_layer *layer, uint32_t outputs, const uint8_t **weights) {
    const layer_memory *memory = layer->kernel_memory;
    m0plus_windows *windows = layer->kernel_scratch;
    if (m0plus_reads_pixels(layer)) {
        m0plus_pixels8(windows->pixels, windows->acc, layer->config.in_width, layer->config.kernel);
        for (m0plus_pixels *window = windows->pixels; window->pixels != NULL; window++) {
            window->weights += layer->fan_in * M0PLUS_GROUP; /* the next group's */
        }
    } else {
        (outputs == M0PLUS_GROUP ? m0plus_gather8 : m0plus_gather16)(windows->segments[0], windows->acc,
                                                                     (const uint32_t *)*weights, memory->lane_budget);
        *weights += m0plus_group_bytes(layer, outputs);
    }
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
        list_rows(layer, oy, &list);
        for (uint32_t ox = 0, count; ox < layer->conv_width; ox += count, acc += count * outputs) {
            count = layer->conv_width - ox < M0PLUS_WINDOWS ? layer->conv_width - ox : M0PLUS_WINDOWS;
            for (uint32_t window = 0; window < count; window++) {
                const window_columns columns = clip_columns(layer, ox + window);
                if (m0plus_reads_pixels(layer)) {
                    list_pixels(layer, &list, columns, windows->pixels + window);
                } else {
                    list_segments(layer, &list, columns, windows->segments[window],
                                  window + 1 < count ? windows->segments[window + 1] : NULL);
                }
            }
            const uint8_t *weights = memory->weights;
            for (uint32_t first = 0, group; first < outputs; first += group) {
                group = m0plus_group_outputs(layer, first);
                accumulate(layer, group, &weights);
                for (uint32_t o = 0; o < group; o++) {
                    for (uint32_t window = 0; window < count; window++) {
                        acc[window * outputs + first + o] = windows->acc[o * M0PLUS_WINDOWS + window];
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
        if (m0plus_reads_pixels(layer)) {
            list_pixels(layer, &upper, left, windows->pixels);
            list_pixels(layer, &upper, right, windows->pixels + 1);
            list_pixels(layer, &lower, left, windows->pixels + 2);
            list_pixels(layer, &lower, right, windows->pixels + 3);
        } else {
            list_segments(layer, &upper, left, windows->segments[0], windows->segments[1]);
            list_segments(layer, &upper, right, windows->segments[1], windows->segments[2]);
            list_segments(layer, &lower, left, windows->segments[2], windows->segments[3]);
            list_segments(layer, &lower, right, windows->segments[3], NULL);
        }
        const uint8_t *weights = memory->weights;
        for (uint32_t first = 0, group; first < outputs; first += group) {
            group = m0plus_group_outputs(layer, first);
            accumulate(layer, group, &weights);
            pool_group(windows->acc, group, layer->activation_shift, out + first, positions + first);
        }
    }
}
