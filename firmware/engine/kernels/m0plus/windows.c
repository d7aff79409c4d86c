/* Forward pass of convolutions on the Cortex-M0+: up to four windows at a time, a pool's four where there is one, from
 * the lists of their non-zero inputs. */
#include "forward.h"

#include <string.h>

static uint32_t window_count(const engine_layer *layer) {
    return layer->config.pool ? layer->shape.out_width * M0PLUS_WINDOWS : M0PLUS_WINDOWS;
}

uint32_t m0plus_windows_bytes(const engine_layer *layer) {
    const uint32_t pixels = layer->config.in_height * layer->config.in_width;
    return (uint32_t)(sizeof(m0plus_windows) + window_count(layer) * sizeof(m0plus_window) +
                      (pixels + 1) * sizeof(uint16_t));
}

uint16_t *m0plus_input_sums(const engine_layer *layer) {
    return (uint16_t *)(m0plus_scratch_of(layer)->windows.windows + window_count(layer));
}

/* Lists the kernel rows of accumulator row oy that lie inside the map. Returns their end. */
static m0plus_window_row *PRIOT_HOT list_rows(const engine_layer *layer, uint32_t oy, m0plus_window_row *row) {
    const engine_layer_config *config = &layer->config;
    const layer_memory *memory = m0plus_memory(layer);
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

/* The window at column `left` with the rows `rows`. */
static inline m0plus_window window_at(const engine_layer_config *config, const m0plus_window_row *rows, int32_t left) {
    const int32_t right = left + (int32_t)config->kernel, width = (int32_t)config->in_width;
    return (m0plus_window){.rows = rows,
                           .first = (uint32_t)(left < 0 ? 0 : left) * sizeof *rows->starts,
                           .last = (uint32_t)(right < width ? right : width) * sizeof *rows->starts,
                           .left = left * (int32_t)config->in_channels};
}

void m0plus_place_windows(const engine_layer *layer) {
    const engine_layer_config *config = &layer->config;
    m0plus_windows *scratch = &m0plus_scratch_of(layer)->windows;
    m0plus_window *window = scratch->windows;
    int32_t left = -(int32_t)config->padding;
    for (uint32_t pool = 0; pool < layer->shape.out_width; pool++, window += M0PLUS_WINDOWS) {
        for (uint32_t side = 0; side < 2; side++, left += (int32_t)config->stride) {
            window[side] = window_at(config, scratch->rows[0], left);
            window[side + 2] = window[side];
            window[side + 2].rows = scratch->rows[1];
        }
    }
}

/* Rows of sums, from a first to a last one. */
typedef struct {
    const uint16_t *first, *last;
} sum_rows;

/* The sum of the inputs in the columns [first, last), in bytes, of some rows `width` apart. */
static inline uint32_t patch_sum(sum_rows rows, uint32_t width, uint32_t first, uint32_t last) {
    const uint32_t columns = (last - first) / sizeof *rows.first;
    uint32_t sum = 0;
    for (const uint16_t *row = rows.first + first / sizeof *row; row <= rows.last + first / sizeof *row; row += width) {
        sum += (uint16_t)(row[columns] - row[0]);
    }
    return sum;
}

/* Whether the sum of a row of a pool's patch fits into what sums are kept in. */
static inline bool has_patch_sums(const engine_layer_config *config) {
    return (config->kernel + config->stride) * config->in_channels <= UINT16_MAX / 127;
}

/* Whether each of a pool's four windows, of upper and lower rows, keeps to the budget, the sum of all being `sum`. */
static inline bool keeps_to_budget(const m0plus_window *windows, uint32_t budget, uint32_t sum, const sum_rows rows[2],
                                   uint32_t width) {
    if (sum <= budget) {
        return true;
    }
    if (sum > 2 * budget) { /* not worth a look */
        return false;
    }
    for (uint32_t window = 0; window < M0PLUS_WINDOWS; window++) {
        if (patch_sum(rows[window / 2], width, windows[window].first, windows[window].last) > budget) {
            return false;
        }
    }
    return true;
}

/* What gathers `count` windows, for the first outputs. */
static inline m0plus_gather gather_of(const engine_layer *layer, const m0plus_window *windows, uint32_t count) {
    const layer_memory *memory = m0plus_memory(layer);
    m0plus_windows *scratch = &m0plus_scratch_of(layer)->windows;
    return (m0plus_gather){.windows = windows,
                           .windows_end = windows + count,
                           .inputs = memory->inputs,
                           .weights = memory->weights,
                           .acc = scratch->acc,
                           .budget = memory->lane_budget};
}

/* Accumulators for one group of outputs; moves on to the next group's weights. */
static inline void accumulate(const engine_layer *layer, m0plus_gather *gather, uint32_t outputs) {
    (outputs == M0PLUS_GROUP ? m0plus_gather8 : m0plus_gather16)(gather);
    gather->weights += layer->shape.fan_in * outputs / 2;
}

/* Runs from flash: with static shifts, layers that pool and have ReLU go by rows of pools. */
void m0plus_windows_accumulate(const engine_layer *layer, uint32_t first, uint32_t end, int32_t *acc) {
    m0plus_windows *scratch = &m0plus_scratch_of(layer)->windows;
    const engine_layer_config *config = &layer->config;
    const uint32_t outputs = config->out_channels, conv_width = layer->shape.conv_width;
    const int32_t padding = (int32_t)config->padding;
    for (uint32_t oy = first; oy < end; oy++) {
        (void)list_rows(layer, oy, scratch->rows[0]);
        for (uint32_t ox = 0, count; ox < conv_width; ox += count, acc += count * outputs) {
            count = conv_width - ox < M0PLUS_WINDOWS ? conv_width - ox : M0PLUS_WINDOWS;
            for (uint32_t window = 0; window < count; window++) {
                scratch->windows[window] =
                    window_at(config, scratch->rows[0], (int32_t)((ox + window) * config->stride) - padding);
            }
            m0plus_gather gather = gather_of(layer, scratch->windows, count);
            for (uint32_t o = 0, group; o < outputs; o += group) {
                group = m0plus_group_outputs(layer, o);
                accumulate(layer, &gather, group);
                m0plus_spread(layer, scratch->acc, o, group, count, acc);
            }
        }
    }
}

/* The lanes of layers without biases begin one less than 0. */
static const uint32_t no_starts[M0PLUS_GROUP] = {UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX,
                                                 UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX};

/* The outputs of one pool from channel `first` on, a multiple of 16, by way of int32 accumulators. Not inlined, so that
 * the other pools' loop keeps its registers, and in flash. */
static void __attribute__((noinline))
pool_outputs(const engine_layer *layer, const m0plus_window *windows, uint32_t first, int8_t *out, uint8_t *positions) {
    m0plus_gather gather = gather_of(layer, windows, M0PLUS_WINDOWS);
    gather.weights += layer->shape.fan_in * first / 2;
    for (uint32_t group; first < layer->config.out_channels; first += group) {
        group = m0plus_group_outputs(layer, first);
        accumulate(layer, &gather, group);
        for (uint32_t o = 0; o < group; o += M0PLUS_GROUP) {
            m0plus_pool8(gather.acc + o * M0PLUS_WINDOWS, out + first + o, positions + first + o,
                         layer->step.activation_shift, m0plus_biases(m0plus_memory(layer), first + o));
        }
    }
}

/* Pools [first, end) of a row. */
static void PRIOT_HOT pool_row(const engine_layer *layer, uint32_t out_row, uint32_t first_pool, uint32_t end_pool) {
    const layer_memory *memory = m0plus_memory(layer);
    const engine_layer_config *config = &layer->config;
    m0plus_windows *scratch = &m0plus_scratch_of(layer)->windows;
    const uint32_t outputs = config->out_channels, count = (end_pool - first_pool) * outputs;
    const uint32_t skipped = (out_row * layer->shape.out_width + first_pool) * outputs;
    int8_t *out = layer->memory.output + skipped;
    uint8_t *positions = layer->memory.positions + skipped;
    sum_rows rows[2];
    for (uint32_t lower = 0; lower < 2; lower++) {
        const m0plus_window_row *const last = list_rows(layer, 2 * out_row + lower, scratch->rows[lower]) - 1;
        const uint16_t *const sums = m0plus_input_sums(layer);
        rows[lower] =
            (sum_rows){sums + (scratch->rows[lower]->starts - memory->starts), sums + (last->starts - memory->starts)};
    }
    const uint32_t width = config->in_width, budget = (uint32_t)memory->packed_budget;
    const sum_rows patch = {rows[0].first, rows[1].last};
    const bool summed = has_patch_sums(config);
    memset(out, 0, count);
    m0plus_packed_pool pool = {.windows = scratch->windows + first_pool * M0PLUS_WINDOWS,
                               .inputs = memory->inputs,
                               .starts = no_starts,
                               .lanes = scratch->lanes,
                               .shift = layer->step.activation_shift};
    for (const int8_t *const end = out + count; out < end; out += outputs, positions += outputs) {
        const uint32_t sum = summed ? patch_sum(patch, width, pool.windows[0].first, pool.windows[1].last) : UINT32_MAX;
        if (sum != 0) {
            uint32_t first = 0;
            if (keeps_to_budget(pool.windows, budget, sum, rows, width)) {
                pool.weights = memory->weights;
                for (; first + 2 * M0PLUS_GROUP <= outputs; first += 2 * M0PLUS_GROUP) {
                    pool.out = out + first;
                    pool.positions = positions + first;
                    if (memory->bias_lanes != NULL) {
                        pool.starts = memory->bias_lanes + first / 2;
                    }
                    m0plus_pool16_packed(&pool);
                    pool.weights += layer->shape.fan_in * M0PLUS_GROUP;
                }
            }
            if (first < outputs) {
                pool_outputs(layer, pool.windows, first, out, positions);
            }
        } else if (memory->empty != NULL) {
            memcpy(out, memory->empty, outputs);
            memset(positions, 0, outputs);
        }
        pool.windows += M0PLUS_WINDOWS;
    }
}

void PRIOT_HOT m0plus_windows_pool(const engine_layer *layer, uint32_t first, uint32_t end) {
    for (uint32_t row = first; row < end; row++) {
        pool_row(layer, row, 0, layer->shape.out_width);
    }
}

void m0plus_windows_half_row(const engine_layer *layer, uint32_t half) {
    const uint32_t width = layer->shape.out_width, middle = width / 2;
    pool_row(layer, half / 2, half % 2 == 0 ? 0 : middle, half % 2 == 0 ? middle : width);
}
