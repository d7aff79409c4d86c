/* Forward pass of convolutions on the Cortex-M0+: up to four windows at a time, a pool's four where there is one, from
 * the lists of their non-zero inputs. */
#include "layer_memory.h"
#include "m0plus.h"

#include <string.h>

/* Lists the kernel rows of accumulator row oy that lie inside the map. Returns their end. */
static m0plus_window_row *PRIOT_HOT list_rows(const engine_layer *layer, uint32_t oy, m0plus_window_row *row) {
    const engine_layer_config *config = &layer->config;
    const layer_memory *memory = layer->kernel_memory;
    const int32_t top = (int32_t)(oy * config->stride) - (int32_t)config->padding;
    const int32_t bottom = top + (int32_t)config->kernel, height = (int32_t)config->in_height;
    const uint32_t first = (uint32_t)(top < 0 ? 0 : top), last = (uint32_t)(bottom < height ? bottom : height);
    const uint32_t ky = (uint32_t)((int32_t)first - top), elements = config->in_width * config->in_channels;
    const uint16_t *starts = memory->starts + first * config->in_width;
    int32_t tap = (int32_t)(ky * config->kernel * config->in_channels - first * elements);
    m0plus_window_row *const end = row + (last - first);
    for (; row < end; row++, starts += config->in_width) {
        *row = (m0plus_window_row){.starts = starts, .tap = tap};
        tap += (int32_t)(config->kernel * config->in_channels - elements);
    }
    row->starts = NULL;
    return end;
}

/* The columns inside the map of windows at column `left`. */
static inline void set_columns(m0plus_window *window, const engine_layer_config *config, int32_t left) {
    const int32_t right = left + (int32_t)config->kernel, width = (int32_t)config->in_width;
    window->first = (uint32_t)(left < 0 ? 0 : left) * sizeof *window->rows->starts;
    window->last = (uint32_t)(right < width ? right : width) * sizeof *window->rows->starts;
    window->left = left * (int32_t)config->in_channels;
}

/* Whether windows from a first row and column to a last row hold nothing; columns in bytes, the last past them. */
static inline bool is_empty(const engine_layer *layer, const uint16_t *starts, const uint16_t *last_row, uint32_t first,
                            uint32_t last) {
    const uint32_t columns = (last - first) / sizeof *starts;
    last_row += first / sizeof *starts;
    for (starts += first / sizeof *starts; starts <= last_row; starts += layer->config.in_width) {
        if (starts[0] != starts[columns]) {
            return false;
        }
    }
    return true;
}

/* What gathers the windows listed in the scratch. */
static m0plus_gather gather_of(const engine_layer *layer, uint32_t count) {
    const layer_memory *memory = layer->kernel_memory;
    m0plus_windows *scratch = layer->kernel_scratch;
    return (m0plus_gather){.windows = scratch->windows,
                           .windows_end = scratch->windows + count,
                           .inputs = memory->inputs,
                           .acc = scratch->acc,
                           .budget = memory->lane_budget};
}

/* Accumulators for one group of outputs; moves on to the next group's weights. */
static inline void accumulate(const engine_layer *layer, m0plus_gather *gather, uint32_t outputs) {
    (outputs == M0PLUS_GROUP ? m0plus_gather8 : m0plus_gather16)(gather);
    gather->weights += layer->fan_in * outputs / 2;
}

/* In flash: with static shifts, layers that pool and have ReLU go by rows of pools. */
void m0plus_convolution(const engine_layer *layer, uint32_t first_row, uint32_t rows, int32_t *acc) {
    const layer_memory *memory = layer->kernel_memory;
    if (memory == NULL) {
        engine_kernels_plain.convolution(layer, first_row, rows, acc);
        return;
    }
    if (m0plus_reads_pixels(layer)) {
        m0plus_pixels_convolution(layer, first_row, rows, acc);
        return;
    }
    m0plus_windows *scratch = layer->kernel_scratch;
    const engine_layer_config *config = &layer->config;
    const uint32_t outputs = config->out_channels;
    const int32_t padding = (int32_t)config->padding;
    for (uint32_t oy = first_row; oy < first_row + rows; oy++) {
        (void)list_rows(layer, oy, scratch->rows[0]);
        for (uint32_t ox = 0, count; ox < layer->conv_width; ox += count, acc += count * outputs) {
            count = layer->conv_width - ox < M0PLUS_WINDOWS ? layer->conv_width - ox : M0PLUS_WINDOWS;
            for (uint32_t window = 0; window < count; window++) {
                scratch->windows[window].rows = scratch->rows[0];
                set_columns(&scratch->windows[window], config, (int32_t)((ox + window) * config->stride) - padding);
            }
            m0plus_gather gather = gather_of(layer, count);
            gather.weights = memory->weights;
            for (uint32_t first = 0, group; first < outputs; first += group) {
                group = m0plus_group_outputs(layer, first);
                accumulate(layer, &gather, group);
                m0plus_spread(scratch->acc, group, count, acc + first, outputs);
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
    m0plus_windows *scratch = layer->kernel_scratch;
    const uint32_t outputs = config->out_channels, count = layer->out_width * outputs;
    int8_t *out = layer->output + out_row * count;
    uint8_t *positions = layer->positions + out_row * count;
    m0plus_window_row *const upper = scratch->rows[0], *const lower = scratch->rows[1];
    (void)list_rows(layer, 2 * out_row, upper);
    const m0plus_window_row *const lower_end = list_rows(layer, 2 * out_row + 1, lower);
    const uint16_t *const first_row = upper[0].starts, *const last_row = lower_end[-1].starts;
    memset(out, 0, count);
    if (is_empty(layer, first_row, last_row, 0, config->in_width * sizeof *first_row)) {
        return;
    }
    m0plus_gather gather = gather_of(layer, M0PLUS_WINDOWS);
    m0plus_window *const windows = scratch->windows;
    windows[0].rows = upper;
    windows[1].rows = upper;
    windows[2].rows = lower;
    windows[3].rows = lower;
    const int32_t stride = (int32_t)config->stride;
    int32_t left = -(int32_t)config->padding;
    for (const int8_t *const end = out + count; out < end; out += outputs, positions += outputs, left += 2 * stride) {
        set_columns(&windows[2], config, left);
        set_columns(&windows[3], config, left + stride);
        if (is_empty(layer, first_row, last_row, windows[2].first, windows[3].last)) {
            continue;
        }
        for (uint32_t window = 0; window < 2; window++) {
            windows[window].first = windows[window + 2].first;
            windows[window].last = windows[window + 2].last;
            windows[window].left = windows[window + 2].left;
        }
        gather.weights = memory->weights;
        for (uint32_t first = 0, group; first < outputs; first += group) {
            group = m0plus_group_outputs(layer, first);
            accumulate(layer, &gather, group);
            for (uint32_t o = 0; o < group; o += M0PLUS_GROUP) {
                m0plus_pool8(scratch->acc + o * M0PLUS_WINDOWS, out + first + o, positions + first + o,
                             layer->activation_shift);
            }
        }
    }
}
