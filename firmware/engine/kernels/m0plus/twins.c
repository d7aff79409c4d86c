/* Plain C twins of the assembly. */
#include "m0plus.h"

#include "../../arithmetic.h"
#include "../plain.h"

#ifndef __ARM_ARCH_6M__

#include <string.h>

sparse_element *m0plus_list_words(const int8_t *map, uint32_t pixels, uint32_t words, sparse_element *list,
                                  uint16_t *starts, uint16_t *sums) {
    sparse_element *next = list;
    uint16_t sum = 0;
    for (uint32_t i = 0; i < pixels * words * 4; i++) {
        if (i % (words * 4) == 0) {
            *starts++ = (uint16_t)(next - list);
            *sums++ = sum;
        }
        sum = (uint16_t)(sum + (uint8_t)map[i]);
        if (map[i] != 0) {
            *next++ = sparse_pack(i, map[i]);
        }
    }
    *starts = (uint16_t)(next - list);
    *sums = sum;
    return next;
}

void m0plus_pool8(const int32_t *acc, int8_t *out, uint8_t *positions, uint32_t shift, const int32_t *biases) {
    for (uint32_t o = 0; o < 8; o++, acc += M0PLUS_WINDOWS) {
        uint8_t position = 0;
        for (uint8_t window = 1; window < M0PLUS_WINDOWS; window++) {
            position = acc[window] > acc[position] ? window : position;
        }
        const int32_t sum = acc[position] + biases[o];
        if (sum > 0) {
            out[o] = clamp_int8(round_shift(sum, shift));
            positions[o] = position;
        }
    }
}

static const int32_t no_biases[8] = {0};

static inline int32_t lower_lane(uint32_t word) {
    return (int16_t)word;
}

static inline int32_t upper_lane(uint32_t word) {
    return (int32_t)(word - (uint32_t)lower_lane(word)) >> 16;
}

/* m0plus_pool8 of packed lanes, lanes[pair][window]: lower + upper * 65536 modulo 2^32. */
static void pool8_lanes(const uint32_t *lanes, int8_t *out, uint8_t *positions, uint32_t shift) {
    int32_t acc[8 * M0PLUS_WINDOWS];
    for (uint32_t o = 0; o < 8; o += 2) {
        for (uint32_t window = 0; window < M0PLUS_WINDOWS; window++, lanes++) {
            acc[o * M0PLUS_WINDOWS + window] = lower_lane(*lanes + 1);
            acc[(o + 1) * M0PLUS_WINDOWS + window] = upper_lane(*lanes + 1);
        }
    }
    m0plus_pool8(acc, out, positions, shift, no_biases);
}

void m0plus_pixels8(const m0plus_pixel_windows *windows, const uint8_t *first, int32_t *acc, const int32_t *weights) {
    const uint32_t kernel = windows->kernel;
    for (uint32_t window = 0; window < windows->count; window++) {
        const uint8_t *pixels = first + windows->offsets[window];
        for (uint32_t o = 0; o < 8; o++) {
            int32_t sum = 0;
            for (uint32_t tap = 0; tap < kernel * kernel; tap++) {
                sum += pixels[tap / kernel * windows->pitch + tap % kernel] * weights[tap * 8 + o];
            }
            acc[o * M0PLUS_WINDOWS + window] = sum;
        }
    }
}

static bool occupied(const m0plus_pool_row *row, const uint8_t *first) {
    uint32_t any = 0;
    for (uint32_t i = 0; i < 16; i++) {
        any |= first[i / 4 * row->pitch + i % 4];
    }
    return any != 0;
}

void m0plus_pool_row8(const m0plus_pool_row *row, const int32_t *weights) {
    const m0plus_pixel_windows windows = {
        .count = M0PLUS_WINDOWS, .pitch = row->pitch, .kernel = 3, .offsets = {0, 1, row->pitch, row->pitch + 1}};
    const uint8_t *first = row->first;
    uint8_t *positions = row->positions;
    for (int8_t *out = row->out; out < row->out_end; out += row->outputs, positions += row->outputs, first += 2) {
        int32_t acc[8 * M0PLUS_WINDOWS];
        m0plus_pixels8(&windows, first, acc, weights);
        if (occupied(row, first)) {
            m0plus_pool8(acc, out, positions, row->shift, row->biases);
        }
    }
}

static void pool_row_lanes(const m0plus_pool_row *row, const uint32_t *weights, const uint32_t *starts) {
    const uint8_t *first = row->first;
    uint8_t *positions = row->positions;
    for (int8_t *out = row->out; out < row->out_end; out += row->outputs, positions += row->outputs, first += 2) {
        uint32_t lanes[4 * M0PLUS_WINDOWS];
        for (uint32_t i = 0; i < 4 * M0PLUS_WINDOWS; i++) {
            const uint32_t pair = i / M0PLUS_WINDOWS, window = i % M0PLUS_WINDOWS;
            const uint8_t *pixels = first + window / 2 * row->pitch + window % 2;
            lanes[i] = starts[pair];
            for (uint32_t tap = 0; tap < 9; tap++) {
                lanes[i] += pixels[tap / 3 * row->pitch + tap % 3] * weights[tap * 4 + pair];
            }
        }
        if (occupied(row, first)) {
            pool8_lanes(lanes, out, positions, row->shift);
        }
    }
}

void m0plus_pool_rows8_lanes(const m0plus_pool_row *first, const uint32_t *weights, uint32_t rows,
                             const uint32_t *starts) {
    m0plus_pool_row row = *first;
    const uint32_t bytes = (uint32_t)(row.out_end - row.out);
    for (; rows > 0; rows--) {
        pool_row_lanes(&row, weights, starts);
        row.first += 2 * row.pitch;
        row.out += bytes;
        row.out_end += bytes;
        row.positions += bytes;
    }
}

static void gather(const m0plus_gather *gather, uint32_t outputs) {
    int32_t *acc = gather->acc;
    for (const m0plus_window *window = gather->windows; window < gather->windows_end; window++, acc++) {
        for (uint32_t o = 0; o < outputs && !gather->adds; o++) {
            acc[o * M0PLUS_WINDOWS] = 0;
        }
        for (const m0plus_window_row *row = window->rows; row->starts != NULL; row++) {
            const sparse_element *element = gather->inputs + row->starts[window->first / sizeof *row->starts];
            const sparse_element *const end = gather->inputs + row->starts[window->last / sizeof *row->starts];
            for (; element < end; element++) {
                const uint32_t tap = sparse_index(*element) + (uint32_t)(row->tap - window->left);
                const uint32_t *pair = gather->weights + tap * outputs / 2;
                for (uint32_t o = 0; o < outputs; o += 2, pair++) {
                    acc[o * M0PLUS_WINDOWS] += sparse_value(*element) * lower_lane(*pair);
                    acc[(o + 1) * M0PLUS_WINDOWS] += sparse_value(*element) * upper_lane(*pair);
                }
            }
        }
    }
}

void m0plus_unpack_rows(const m0plus_flash_rows *rows) {
    const int8_t *row = rows->row;
    uint8_t *place = rows->to;
    for (const uint32_t *occupied = rows->occupied; occupied < rows->occupied_end; occupied++, place += 32) {
        for (uint32_t o = 0; o + 16 <= rows->outputs && (*occupied & rows->tap) != 0; o += 16) {
            uint32_t *to = (uint32_t *)(void *)(place + o / 16 * rows->step);
            for (const int8_t *four = row + o; four < row + o + 16; four += 4) {
                const uint32_t second = (uint32_t)four[1] + ((uint32_t)four[3] << 16);
                *to++ = (uint32_t)four[0] + ((uint32_t)four[2] << 16) + (second << 8);
                *to++ = second;
            }
        }
        row += rows->outputs;
    }
}

void m0plus_copy_rows(const m0plus_flash_rows *rows) {
    const int8_t *row = rows->row;
    uint8_t *place = rows->to;
    for (const uint32_t *occupied = rows->occupied; occupied < rows->occupied_end; occupied++, place += rows->step) {
        if ((*occupied & rows->tap) != 0) {
            memcpy(place, row, rows->outputs);
        }
        row += rows->outputs;
    }
}

int32_t m0plus_find_below(const int8_t *end, int32_t first, int32_t threshold) {
    while (first < 0 && end[first] >= threshold) {
        first++;
    }
    return first;
}

void m0plus_streamed_gather16(const m0plus_streamed_gather *gather) {
    int32_t *acc = gather->acc;
    for (const m0plus_window *window = gather->windows; window < gather->windows_end; window++, acc++) {
        for (const m0plus_window_row *row = window->rows; row->starts != NULL; row++) {
            const sparse_element *element = gather->inputs + row->starts[window->first / sizeof *row->starts];
            const sparse_element *const end = gather->inputs + row->starts[window->last / sizeof *row->starts];
            for (; element < end; element++) {
                const uint32_t tap = sparse_index(*element) + (uint32_t)(row->tap - window->left);
                const uint32_t *word = gather->weights + tap * 8;
                const int32_t x = sparse_value(*element);
                for (int32_t *to = acc; to < acc + 16 * M0PLUS_WINDOWS; to += 4 * M0PLUS_WINDOWS, word += 2) {
                    const uint32_t first = word[0] - (word[1] << 8);
                    to[0] += x * lower_lane(first);
                    to[M0PLUS_WINDOWS] += x * lower_lane(word[1]);
                    to[2 * M0PLUS_WINDOWS] += x * upper_lane(first);
                    to[3 * M0PLUS_WINDOWS] += x * upper_lane(word[1]);
                }
            }
        }
    }
}

void m0plus_gather16(const m0plus_gather *work) {
    gather(work, 16);
}

/* Updates the entries [entry, end) of the row of weights `weights`. */
static void update_entries(const m0plus_tap_update *update, uint32_t entry, uint32_t end, const int8_t *weights,
                           const uint8_t *map) {
    for (; entry < end; entry++) {
        const uint8_t output = update->indices[entry];
        const m0plus_placed_delta *const list = update->lists + output * (update->pitch / sizeof *update->lists);
        int32_t gradient = 0;
        for (const m0plus_placed_delta *next = list + 1; (intptr_t)next != list->delta; next++) {
            gradient += (int32_t)next->delta * map[next->place];
        }
        if ((uint32_t)gradient + update->negligible > 2 * update->negligible) {
            const int32_t step = (gradient * weights[output] + update->half) >> update->shift;
            update->scores[entry] = clamp_int8(update->scores[entry] - clamp_int8(step));
        }
    }
}

void m0plus_update_tap(const m0plus_tap_update *update) {
    const int8_t *weights = update->weights;
    const uint8_t *map = update->map;
    const engine_entry *starts = update->starts;
    for (const uint32_t *occupied = update->occupied; occupied < update->occupied_end; occupied++, starts++, map++) {
        if ((*occupied & update->tap) != 0) {
            update_entries(update, starts[0], starts[1], weights, map);
        }
        weights += update->outputs;
    }
}

/* The error of an input, before it is requantised. */
static int32_t sum_segments(const m0plus_placed_segment *segment, uintptr_t weights) {
    int32_t sum = 0;
    for (; segment->begin != NULL; segment++) {
        for (const m0plus_placed_delta *delta = segment->begin; delta < segment->end; delta++) {
            const uintptr_t place = weights + delta->place + (uintptr_t)(intptr_t)segment->tap;
            sum += (int32_t)delta->delta * *(const int8_t *)place; /* NOLINT(performance-no-int-to-ptr) */
        }
    }
    return sum;
}

void m0plus_streamed_dots(const m0plus_streamed_errors *errors) {
    for (const sparse_element *input = errors->inputs; input < errors->inputs_end; input++) {
        const int32_t sum = sum_segments(errors->segments, errors->weights + sparse_index(*input) * errors->pitch);
        errors->below[sparse_index(*input)] = clamp_int8((sum + errors->half) >> errors->shift);
    }
}

uintptr_t m0plus_list_head(uint32_t count) {
    return count;
}

void m0plus_gather8(const m0plus_gather *work) {
    gather(work, 8);
}

void m0plus_pool16_packed(const m0plus_packed_pool *pool) {
    int32_t acc[16 * M0PLUS_WINDOWS];
    gather(&(m0plus_gather){.windows = pool->windows,
                            .windows_end = pool->windows + M0PLUS_WINDOWS,
                            .inputs = pool->inputs,
                            .weights = pool->weights,
                            .acc = acc},
           16);
    for (uint32_t i = 0; i < 8 * M0PLUS_WINDOWS; i++) {
        const int32_t *both = acc + i / M0PLUS_WINDOWS * 2 * M0PLUS_WINDOWS + i % M0PLUS_WINDOWS;
        pool->lanes[i] = (uint32_t)both[0] + ((uint32_t)both[M0PLUS_WINDOWS] << 16) + pool->starts[i / M0PLUS_WINDOWS];
    }
    for (uint32_t o = 0; o < 16; o += 8) {
        pool8_lanes(pool->lanes + o / 2 * M0PLUS_WINDOWS, pool->out + o, pool->positions + o, pool->shift);
    }
}

void m0plus_dot_inputs(const m0plus_dots *dots) {
    for (const sparse_element *input = dots->inputs; input < dots->inputs_end; input++) {
        const uintptr_t row = dots->weights + sparse_index(*input) * dots->pitch;
        int32_t sum = 0;
        for (const m0plus_segment *segment = dots->segments; segment->begin != NULL; segment++) {
            for (const sparse_element *element = segment->begin; element < (const sparse_element *)segment->end;
                 element++) {
                const uintptr_t place = row + sparse_index(*element) + (uintptr_t)(intptr_t)segment->tap;
                sum += sparse_value(*element) * *(const int8_t *)place; /* NOLINT(performance-no-int-to-ptr) */
            }
        }
        dots->below[sparse_index(*input)] = clamp_int8((sum + dots->half) >> dots->shift);
    }
}

void m0plus_list_deltas4(const m0plus_delta_lists *lists) {
    for (uint32_t channel = 0; channel < 4; channel++) {
        sparse_element *next = lists->lists[channel];
        uint32_t place = 0;
        for (uint32_t row = 0, index = channel; row < lists->rows; row++, place += lists->row_step) {
            for (uint32_t i = 0; i < lists->row_bytes; i += lists->pixel_bytes, index += lists->pixel_bytes) {
                if (lists->deltas[index] != 0) {
                    const uint32_t window = lists->positions == NULL ? 0 : lists->windows[lists->positions[index]];
                    *next++ = sparse_pack((place + window) >> 8, lists->deltas[index]);
                }
                place += lists->pixel_step;
            }
        }
        *next = 0;
    }
}

void m0plus_correlate8(const sparse_element *deltas, uintptr_t map, uint32_t groups, int32_t *gradient) {
    memset(gradient, 0, groups * 8 * sizeof *gradient);
    for (; *deltas != 0; deltas++) {
        const uint8_t *window = (const uint8_t *)(map + sparse_index(*deltas)); /* NOLINT(performance-no-int-to-ptr) */
        for (uint32_t i = 0; i < groups * 8; i++) {
            gradient[i] += sparse_value(*deltas) * window[i];
        }
    }
}

void m0plus_correlate8_lanes(const sparse_element *deltas, uintptr_t map, uint32_t groups, int32_t *gradient) {
    m0plus_correlate8(deltas, map, groups, gradient);
}

void m0plus_correlate9(const sparse_element *deltas, uintptr_t map, uint32_t pitch, int32_t *gradient) {
    memset(gradient, 0, 9 * sizeof *gradient);
    for (; *deltas != 0; deltas++) {
        const uint8_t *window = (const uint8_t *)(map + sparse_index(*deltas)); /* NOLINT(performance-no-int-to-ptr) */
        for (uint32_t i = 0; i < 9; i++) {
            gradient[i] += sparse_value(*deltas) * window[i / 3 * pitch + i % 3];
        }
    }
}

void m0plus_correlate5(const sparse_element *deltas, uintptr_t map, uint32_t groups, int32_t *gradient) {
    memset(gradient, 0, groups * 5 * sizeof *gradient);
    for (; *deltas != 0; deltas++) {
        const uint8_t *window = (const uint8_t *)(map + sparse_index(*deltas)); /* NOLINT(performance-no-int-to-ptr) */
        for (uint32_t i = 0; i < groups * 5; i++) {
            gradient[i] += sparse_value(*deltas) * window[i];
        }
    }
}

bool m0plus_update_channel_scores(const engine_score_row *row, const int32_t *gradient, uint32_t count,
                                  uint32_t pitch) {
    return engine_update_channel_scores(row, gradient, count, pitch);
}

void m0plus_update_score_rows(const m0plus_score_rows *rows) {
    const uint32_t count = (uint32_t)(rows->deltas_end - rows->deltas);
    for (const sparse_element *element = rows->inputs; element < rows->inputs_end; element++) {
        const int32_t x = sparse_value(*element);
        if (absolute(x) < rows->smallest) {
            continue;
        }
        const uint32_t first = sparse_index(*element) * rows->outputs;
        engine_score_row row = rows->first;
        row.weights += first;
        row.scores += first;
        row.effective = row.effective == NULL ? NULL : row.effective + first;
        engine_update_scores(&row, x, rows->deltas, count);
    }
}

bool m0plus_update_scored_groups(const m0plus_scored_groups *scored) {
    const engine_scored_groups *groups = &scored->groups;
    bool crossed = false;
    for (const sparse_element *element = scored->inputs; element < scored->inputs_end; element++) {
        const uint32_t group = sparse_index(*element);
        const int32_t x = sparse_value(*element);
        if ((uint32_t)(x * x) < scored->smallest_squared) {
            continue;
        }
        for (uint32_t entry = groups->starts[group]; entry < groups->starts[group + 1]; entry++) {
            const uint32_t edge = groups->indices[entry];
            const int32_t gradient = scored->factors[edge] * x;
            engine_score_row row = groups->row;
            row.weights += entry;
            row.scores += entry;
            row.effective += row.effective == NULL ? 0 : group * groups->group_pitch + edge * groups->edge_pitch;
            crossed = engine_update_channel_scores(&row, &gradient, 1, 1) || crossed;
        }
    }
    return crossed;
}

void m0plus_list_rows(const m0plus_rows *rows, m0plus_work *work) {
    for (const sparse_element *input = rows->inputs; input < rows->inputs_end;) {
        m0plus_work *const segment = work++;
        int32_t sum = 0;
        for (; input < rows->inputs_end && sum + sparse_value(*input) <= rows->budget; input++) {
            sum += sparse_value(*input);
            *work++ = (m0plus_work){sparse_value(*input), rows->first + sparse_index(*input) * rows->outputs};
        }
        *segment = (m0plus_work){0, M0PLUS_SEGMENT | (uint32_t)sum};
    }
    *work = (m0plus_work){0, M0PLUS_SEGMENT};
}

static void add_rows(const m0plus_work *work, uintptr_t offset, int32_t *acc, uint32_t outputs) {
    for (; work->x != 0 || work->place != M0PLUS_SEGMENT; work++) {
        const int8_t *row = (const int8_t *)(work->place + offset); /* NOLINT(performance-no-int-to-ptr) */
        for (uint32_t i = 0; i < outputs && work->x != 0; i++) {
            acc[i] += work->x * row[i];
        }
    }
}

void m0plus_rows16(const m0plus_work *work, uintptr_t offset, int32_t *acc) {
    add_rows(work, offset, acc, 16);
}

void m0plus_rows8(const m0plus_work *work, uintptr_t offset, int32_t *acc) {
    add_rows(work, offset, acc, 8);
}

void m0plus_rows4(const m0plus_work *work, uintptr_t offset, int32_t *acc) {
    add_rows(work, offset, acc, 4);
}

void m0plus_columns5(const m0plus_columns *columns, int32_t *acc) {
    memset(acc, 0, 5 * sizeof *acc);
    for (const sparse_element *input = columns->inputs; input < columns->inputs_end; input++) {
        const int8_t *row = /* NOLINTNEXTLINE(performance-no-int-to-ptr) */
            (const int8_t *)(columns->first + sparse_index(*input) * columns->outputs);
        for (uint32_t i = 0; i < 5; i++) {
            acc[i] += sparse_value(*input) * row[i];
        }
    }
}

#endif
