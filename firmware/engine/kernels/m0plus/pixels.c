/* Forward pass of convolutions over a map of one channel on the Cortex-M0+, from a padded copy: every window is inside.
 */
#include "../../arithmetic.h"
#include "forward.h"

#include <string.h>

#define WORD_BYTES M0PLUS_WORD_BYTES

/* A multiple of a word, with room for a margin that lets the copy's rows and the map's be equally aligned, and for the
 * words that m0plus_pool_row8 reads. */
static uint32_t pitch_of(const engine_layer *layer) {
    const uint32_t room = WORD_BYTES - 1 + WORD_BYTES;
    return (layer->config.in_width + 2 * layer->config.padding + room) / WORD_BYTES * WORD_BYTES;
}

static uint32_t padded_bytes(const engine_layer *layer) {
    return pitch_of(layer) * (layer->config.in_height + 2 * layer->config.padding);
}

uint32_t m0plus_pixels_bytes(const engine_layer *layer) {
    return (uint32_t)sizeof(m0plus_pixels) + padded_bytes(layer);
}

/* Whether m0plus_pool_row8 and its like are for this shape. */
static inline bool pools_three_by_three(const engine_layer *layer) {
    const engine_layer_config *config = &layer->config;
    return config->kernel == 3 && config->stride == 1 && config->pool && config->relu;
}

bool m0plus_pixels_fit_lanes(const engine_layer *layer) {
    /* The output of 0 of an odd channel's neighbour of no weight may be written. */
    if (!pools_three_by_three(layer) || layer->config.out_channels % 2 != 0) {
        return false;
    }
    const int32_t *const biases = layer->step.biases;
    if (biases == NULL && layer->shape.fan_in * (uint32_t)layer->step.largest_weight <= INT16_MAX / INT8_LIMIT) {
        return true;
    }
    const int8_t *const end = layer->memory.effective + layer->shape.edges;
    for (uint32_t o = 0; o < layer->config.out_channels; o++) {
        int32_t positive = 0, negative = 0;
        for (const int8_t *weight = layer->memory.effective + o; weight < end; weight += layer->config.out_channels) {
            positive += *weight > 0 ? *weight : 0;
            negative -= *weight < 0 ? *weight : 0;
        }
        const int32_t bias = biases == NULL ? 0 : biases[o];
        if (absolute(bias) > INT16_MAX || positive * INT8_LIMIT + bias > INT16_MAX ||
            negative * INT8_LIMIT - bias > INT16_MAX) {
            return false;
        }
    }
    return true;
}

void PRIOT_HOT m0plus_copy_pixels(const engine_layer *layer) {
    const engine_layer_config *config = &layer->config;
    const uint32_t pitch = pitch_of(layer);
    m0plus_pixels *scratch = &m0plus_scratch_of(layer)->pixels;
    uint8_t *padded = (uint8_t *)scratch->padded;
    scratch->margin = ((uintptr_t)layer->step.input - config->padding) % WORD_BYTES;
    scratch->windows = (m0plus_pixel_windows){.pitch = pitch, .kernel = config->kernel};
    m0plus_clear_words(scratch->padded, padded_bytes(layer) / WORD_BYTES);
    padded += config->padding * pitch + scratch->margin + config->padding;
    const int8_t *row = layer->step.input;
    for (uint32_t y = 0; y < config->in_height; y++, padded += pitch, row += config->in_width) {
        memcpy(padded, row, config->in_width);
    }
}

/* The first pixel of the window at the left of accumulator row oy. */
static const uint8_t *first_window(const engine_layer *layer, const m0plus_pixels *scratch, uint32_t oy) {
    return (const uint8_t *)scratch->padded + oy * layer->config.stride * scratch->windows.pitch + scratch->margin;
}

void m0plus_pixels_accumulate(const engine_layer *layer, uint32_t first_row, uint32_t end, int32_t *acc) {
    const layer_memory *memory = m0plus_memory(layer);
    m0plus_pixels *scratch = &m0plus_scratch_of(layer)->pixels;
    const uint32_t outputs = layer->config.out_channels, stride = layer->config.stride;
    if (memory->pixel_lanes) {
        m0plus_widen_weights(layer);
    }
    for (uint32_t window = 0; window < M0PLUS_WINDOWS; window++) {
        scratch->windows.offsets[window] = window * stride;
    }
    for (uint32_t oy = first_row; oy < end; oy++) {
        const uint8_t *first = first_window(layer, scratch, oy);
        for (uint32_t ox = 0, count; ox < layer->shape.conv_width; ox += count, acc += count * outputs) {
            count = layer->shape.conv_width - ox < M0PLUS_WINDOWS ? layer->shape.conv_width - ox : M0PLUS_WINDOWS;
            scratch->windows.count = count;
            const int32_t *weights = memory->weights;
            for (uint32_t o = 0; o < outputs; o += M0PLUS_GROUP, weights += layer->shape.fan_in * M0PLUS_GROUP) {
                m0plus_pixels8(&scratch->windows, first + ox * stride, scratch->acc, weights);
                m0plus_spread(layer, scratch->acc, o, M0PLUS_GROUP, count, acc);
            }
        }
    }
}

/* Fills scratch->occupied for `rows` rows of the map from `top` on, which is a word's address. False: all are empty. */
static bool find_occupied(m0plus_pixels *scratch, const uint8_t *top, uint32_t rows) {
    const uint32_t words = scratch->windows.pitch / WORD_BYTES;
    const uint32_t *word = (const uint32_t *)__builtin_assume_aligned(top, WORD_BYTES);
    uint32_t *const occupied = scratch->occupied, *const end = occupied + words;
    for (uint32_t *column = occupied; column < end; column++) {
        *column = *word++;
    }
    for (; rows > 1; rows--) {
        for (uint32_t *column = occupied; column < end; column++) {
            *column |= *word++;
        }
    }
    uint32_t any = 0;
    for (const uint32_t *column = occupied; column < end; column++) {
        any |= *column;
    }
    return any != 0;
}

/* Rows of pools of 3x3 windows from widened weights; not inlined, so that it stays in flash. */
static void __attribute__((noinline)) pool_widened_rows(m0plus_pool_row row, const int32_t *weights, uint32_t rows) {
    const uint32_t bytes = (uint32_t)(row.out_end - row.out);
    for (; rows > 0; rows--) {
        m0plus_pool_row8(&row, weights);
        row.first += 2 * row.pitch;
        row.out += bytes;
        row.out_end += bytes;
        row.positions += bytes;
    }
}

/* Fills `pools` pools of nothing but zeros: with what the biases make. */
static void fill_empty(const engine_layer *layer, uint32_t pools, int8_t *out, uint8_t *positions) {
    const layer_memory *memory = m0plus_memory(layer);
    const uint32_t outputs = layer->config.out_channels;
    for (; memory->empty != NULL && pools > 0; pools--, out += outputs, positions += outputs) {
        memcpy(out, memory->empty, outputs);
        memset(positions, 0, outputs);
    }
}

/* A row of pools of any other windows; in flash, too. */
static void __attribute__((noinline)) pool_row(const engine_layer *layer, uint32_t out_row) {
    const layer_memory *memory = m0plus_memory(layer);
    m0plus_pixels *scratch = &m0plus_scratch_of(layer)->pixels;
    const uint32_t outputs = layer->config.out_channels, stride = layer->config.stride;
    const uint32_t down = stride * scratch->windows.pitch, side = stride + layer->config.kernel;
    const uint32_t count = layer->shape.out_width * outputs;
    int8_t *out = layer->memory.output + out_row * count;
    uint8_t *positions = layer->memory.positions + out_row * count;
    const uint8_t *first = first_window(layer, scratch, 2 * out_row);
    scratch->windows.count = M0PLUS_WINDOWS;
    scratch->windows.offsets[0] = 0;
    scratch->windows.offsets[1] = stride;
    scratch->windows.offsets[2] = down;
    scratch->windows.offsets[3] = down + stride;
    memset(out, 0, count);
    if (!find_occupied(scratch, first - scratch->margin, side)) {
        fill_empty(layer, layer->shape.out_width, out, positions);
        return;
    }
    const uint8_t *column = (const uint8_t *)scratch->occupied + scratch->margin; /* seen so far */
    const uint8_t *left = column, *empty = column;                                /* from where on all seen are empty */
    for (const int8_t *end = out + count; out < end; out += outputs, positions += outputs) {
        for (; column < left + side; column++) {
            empty = *column != 0 ? column + 1 : empty;
        }
        if (empty > left) {
            const int32_t *weights = memory->weights;
            for (uint32_t o = 0; o < outputs; o += M0PLUS_GROUP, weights += layer->shape.fan_in * M0PLUS_GROUP) {
                m0plus_pixels8(&scratch->windows, first, scratch->acc, weights);
                m0plus_pool8(scratch->acc, out + o, positions + o, layer->step.activation_shift,
                             m0plus_biases(memory, o));
            }
        } else {
            fill_empty(layer, 1, out, positions);
        }
        left += 2 * stride;
        first += 2 * stride;
    }
}

/* Fills the pools of 3x3 windows in a row that are nothing but zeros: the assembly leaves them out. */
static void __attribute__((noinline)) fill_empty_pools(const engine_layer *layer, uint32_t out_row) {
    m0plus_pixels *scratch = &m0plus_scratch_of(layer)->pixels;
    const uint32_t outputs = layer->config.out_channels, count = layer->shape.out_width * outputs;
    int8_t *out = layer->memory.output + out_row * count;
    uint8_t *positions = layer->memory.positions + out_row * count;
    if (!find_occupied(scratch, first_window(layer, scratch, 2 * out_row) - scratch->margin, 4)) {
        fill_empty(layer, layer->shape.out_width, out, positions);
        return;
    }
    const uint8_t *column = (const uint8_t *)scratch->occupied + scratch->margin;
    for (const int8_t *end = out + count; out < end; out += outputs, positions += outputs, column += 2) {
        if ((column[0] | column[1] | column[2] | column[3]) == 0) {
            fill_empty(layer, 1, out, positions);
        }
    }
}

/* The lanes of layers without biases begin one less than 0. */
static const uint32_t no_starts[M0PLUS_GROUP / 2] = {UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX};

/* Rows of pools of 3x3 windows. */
static void PRIOT_HOT pool_three_by_three(const engine_layer *layer, uint32_t first_row, uint32_t end) {
    const layer_memory *memory = m0plus_memory(layer);
    const m0plus_pixels *scratch = &m0plus_scratch_of(layer)->pixels;
    const uint32_t outputs = layer->config.out_channels, rows = end - first_row;
    const uint32_t row_bytes = layer->shape.out_width * outputs, skipped = first_row * row_bytes;
    memset(layer->memory.output + skipped, 0, rows * row_bytes);
    for (uint32_t row = first_row; memory->empty != NULL && row < end; row++) {
        fill_empty_pools(layer, row);
    }
    const int32_t *weights = memory->weights;
    for (uint32_t o = 0; o < outputs; o += M0PLUS_GROUP) {
        m0plus_pool_row row = {.first = first_window(layer, scratch, 2 * first_row),
                               .pitch = scratch->windows.pitch,
                               .out = layer->memory.output + skipped + o,
                               .out_end = layer->memory.output + skipped + o + row_bytes,
                               .positions = layer->memory.positions + skipped + o,
                               .outputs = outputs,
                               .shift = layer->step.activation_shift,
                               .biases = m0plus_biases(memory, o)};
        if (memory->pixel_lanes) {
            m0plus_pool_rows8_lanes(&row, (const uint32_t *)weights, rows,
                                    memory->bias_lanes == NULL ? no_starts : memory->bias_lanes + o / 2);
            weights += layer->shape.fan_in * M0PLUS_GROUP / 2;
        } else {
            pool_widened_rows(row, weights, rows);
            weights += layer->shape.fan_in * M0PLUS_GROUP;
        }
    }
}

void PRIOT_HOT m0plus_pixels_pool(const engine_layer *layer, uint32_t first, uint32_t end) {
    if (pools_three_by_three(layer)) {
        pool_three_by_three(layer, first, end);
        return;
    }
    for (uint32_t row = first; row < end; row++) {
        pool_row(layer, row);
    }
}
