/* Cortex-M0+ gradients of convolutions: a channel's non-zero deltas on a padded copy of the input, in assembly, or on
 * the list of non-zero inputs. */
#include "backward.h"

#include "../plain.h"
#include "padded_input.h"

#include <string.h>

/* Fills the scratch for all channels: the padded input, and where the lists of four channels' deltas lie. */
static void PRIOT_HOT begin_correlation(const engine_layer *layer, m0plus_correlation *scratch) {
    scratch->lists = (sparse_element *)(void *)m0plus_pad_input(layer, scratch->padded);
    scratch->list_length = layer->shape.out_height * layer->shape.out_width + 1; /* and what ends the list */
}

/* Lists the deltas of one channel, where four of them do not lie in a word. In flash, as what is not inlined here. */
static void __attribute__((noinline))
list_channel_deltas(const engine_layer *layer, uint32_t channel, sparse_element *next) {
    const uint32_t outputs = layer->config.out_channels, side = layer->config.pool ? 2 : 1;
    const uint32_t right = layer->config.stride * layer->config.in_channels;
    const uint32_t down = layer->config.stride * m0plus_padded_pitch(layer);
    const uint32_t windows[M0PLUS_WINDOWS] = {0, right, down, right + down};
    const int8_t *delta = layer->memory.delta + channel;
    for (uint32_t y = 0, index = channel; y < layer->shape.out_height; y++) {
        uint32_t place = side * y * down;
        for (uint32_t x = 0; x < layer->shape.out_width;
             x++, index += outputs, delta += outputs, place += side * right) {
            if (*delta != 0) {
                *next++ = sparse_pack(place + (side == 2 ? windows[layer->memory.positions[index]] : 0), *delta);
            }
        }
    }
    *next = 0;
}

/* Returns the deltas of a channel, which are listed together with those of its neighbours; `listed`: up to which they
 * are, for the channels from the first on. */
static const sparse_element *PRIOT_HOT deltas_of(const engine_layer *layer, uint32_t channel, uint32_t *listed) {
    const m0plus_correlation *scratch = &m0plus_scratch_of(layer)->correlation;
    if (layer->config.out_channels % 4 != 0) {
        list_channel_deltas(layer, channel, scratch->lists);
        return scratch->lists;
    }
    if (channel >= *listed) {
        m0plus_list_deltas(layer, channel & ~3u, scratch->lists, scratch->list_length);
        *listed = (channel & ~3u) + 4;
    }
    return scratch->lists + channel % 4 * scratch->list_length;
}

static inline bool fits_lanes(const sparse_element *deltas) {
    int32_t positive = 0, negative = 0;
    for (; *deltas != 0; deltas++) {
        const int32_t delta = sparse_value(*deltas);
        if (delta > 0) {
            positive += delta;
        } else {
            negative -= delta;
        }
    }
    return positive <= M0PLUS_LANE_DELTAS && negative <= M0PLUS_LANE_DELTAS;
}

#define BYTES 5u /* that m0plus_correlate5 takes at once */

/* Rows that are no whole words. */
static void __attribute__((noinline)) correlate_bytes(const sparse_element *list, uintptr_t map, uint32_t pitch,
                                                      uint32_t row, uint32_t rows, int32_t *gradient) {
    const uint32_t whole = row - row % BYTES;
    int32_t rest[BYTES];
    for (; rows > 0; rows--, map += pitch, gradient += row) {
        if (whole != 0) {
            m0plus_correlate5(list, map, whole / BYTES, gradient);
        }
        if (whole != row) {
            m0plus_correlate5(list, map + whole, 1, rest);
            memcpy(gradient + whole, rest, (row - whole) * sizeof *rest);
        }
    }
}

/* `list`: the channel's deltas. */
static void PRIOT_HOT correlate(const engine_layer *layer, const sparse_element *list, int32_t *gradient) {
    const engine_layer_config *config = &layer->config;
    const uint32_t pitch = m0plus_padded_pitch(layer), row = config->kernel * config->in_channels;
    uintptr_t map = (uintptr_t)m0plus_scratch_of(layer)->correlation.padded;
    if (config->in_channels == 1 && config->kernel == 3) {
        m0plus_correlate9(list, map, pitch, gradient);
        return;
    }
    if (config->in_channels % 8 != 0) {
        correlate_bytes(list, map, pitch, row, config->kernel, gradient);
        return;
    }
    void (*const correlate8)(const sparse_element *, uintptr_t, uint32_t, int32_t *) =
        fits_lanes(list) ? m0plus_correlate8_lanes : m0plus_correlate8;
    for (uint32_t ky = 0; ky < config->kernel; ky++, map += pitch, gradient += row) {
        correlate8(list, map, row / 8, gradient);
    }
}

static void PRIOT_HOT correlate_channels(engine_layer *layer, uint32_t first, uint32_t end,
                                         const engine_gradient_sink *sink) {
    m0plus_correlation *scratch = &m0plus_scratch_of(layer)->correlation;
    int32_t *gradient = sink->gradient;
    uint32_t listed = 0;
    if (!sink->begun) {
        begin_correlation(layer, scratch);
    }
    for (uint32_t channel = first; channel < end; channel++, gradient += sink->pitch) {
        correlate(layer, deltas_of(layer, channel, &listed), gradient);
        if (sink->take != NULL) {
            sink->take(layer, channel, gradient);
        }
    }
}

/* Adds one delta's products with the inputs of its window at (oy, ox). */
static void add_window(const engine_layer *layer, const layer_memory *memory, uint32_t oy, uint32_t ox, int32_t delta,
                       int32_t *gradient) {
    const engine_layer_config *config = &layer->config;
    const uint32_t width = config->in_width, channels = config->in_channels;
    const int32_t left = (int32_t)(ox * config->stride) - (int32_t)config->padding;
    const int32_t right = left + (int32_t)config->kernel;
    const uint32_t first = (uint32_t)(left < 0 ? 0 : left), last = (uint32_t)right < width ? (uint32_t)right : width;
    const uint32_t row_step = config->kernel * channels - width * channels; /* of tap less map index; wraps */
    uint32_t iy = oy * config->stride - config->padding;                    /* wraps above the map */
    uint32_t tap = 0u - (iy * width + (uint32_t)left) * channels;           /* of map element 0; wraps */
    const uint16_t *starts = memory->starts + (int32_t)(iy * width);
    for (uint32_t ky = 0; ky < config->kernel; ky++, iy++, tap += row_step, starts += width) {
        if (iy >= config->in_height) {
            continue;
        }
        const sparse_element *element = memory->inputs + starts[first];
        const sparse_element *const end = memory->inputs + starts[last];
        for (; element < end; element++) {
            gradient[(uint32_t)(tap + sparse_index(*element))] += delta * sparse_value(*element);
        }
    }
}

/* Makes one channel's gradient on the list of inputs. */
static void __attribute__((noinline)) gather_channel(const engine_layer *layer, uint32_t channel, int32_t *gradient) {
    const layer_memory *memory = m0plus_memory(layer);
    const uint32_t outputs = layer->config.out_channels;
    m0plus_clear_words((uint32_t *)gradient, layer->shape.fan_in);
    uint32_t index = channel;
    for (uint32_t y = 0; y < layer->shape.out_height; y++) {
        for (uint32_t x = 0; x < layer->shape.out_width; x++, index += outputs) {
            const int32_t delta = layer->memory.delta[index];
            if (delta == 0) {
                continue;
            }
            if (layer->config.pool) {
                const uint32_t position = layer->memory.positions[index];
                add_window(layer, memory, 2 * y + (position >> 1), 2 * x + (position & 1), delta, gradient);
            } else {
                add_window(layer, memory, y, x, delta, gradient);
            }
        }
    }
}

void PRIOT_HOT m0plus_gradients(engine_layer *layer, uint32_t first, uint32_t end, const engine_gradient_sink *sink) {
    if (m0plus_memory(layer) == NULL) {
        engine_plain_convolution.gradients(layer, first, end, sink);
        return;
    }
    if (m0plus_correlates(layer)) {
        correlate_channels(layer, first, end, sink);
        return;
    }
    int32_t *gradient = sink->gradient;
    for (uint32_t channel = first; channel < end; channel++, gradient += sink->pitch) {
        gather_channel(layer, channel, gradient);
        if (sink->take != NULL) {
            sink->take(layer, channel, gradient);
        }
    }
}
