/* Cortex-M0+ gradients of convolutions: a channel's non-zero deltas on a padded copy of the input, in assembly, or on
 * the list of non-zero inputs. */
#include "layer_memory.h"
#include "m0plus.h"

#include <string.h>

static uint32_t padded_pitch(const engine_layer *layer) {
    return (layer->config.in_width + 2 * layer->config.padding) * layer->config.in_channels;
}

static void PRIOT_HOT pad_input(const engine_layer *layer) {
    const engine_layer_config *config = &layer->config;
    const uint32_t pitch = padded_pitch(layer), row_bytes = config->in_width * config->in_channels;
    m0plus_clear_words(layer->kernel_scratch, m0plus_padded_bytes(layer) / 4);
    uint8_t *padded = (uint8_t *)layer->kernel_scratch + config->padding * (pitch + config->in_channels);
    const int8_t *row = layer->input;
    for (uint32_t y = 0; y < config->in_height; y++, padded += pitch, row += row_bytes) {
        memcpy(padded, row, row_bytes);
    }
}

/* Scratch: the padded input, then the lists of four channels' deltas. */
void PRIOT_HOT m0plus_prepare_gradients(const engine_layer *layer) {
    layer_memory *memory = layer->kernel_memory;
    if (memory == NULL) {
        return;
    }
    memory->correlates = m0plus_correlates(layer);
    if (memory->correlates) {
        memory->deltas = (sparse_element *)((uint8_t *)layer->kernel_scratch + m0plus_padded_bytes(layer));
        pad_input(layer);
    }
}

/* Room for a channel's deltas, and what ends the list. */
static uint32_t list_length(const engine_layer *layer) {
    return layer->out_height * layer->out_width + 1;
}

/* Lists the deltas of channels [channel, channel + 4). */
static void PRIOT_HOT list_deltas(const engine_layer *layer, uint32_t channel) {
    const engine_layer_config *config = &layer->config;
    sparse_element *const list = ((const layer_memory *)layer->kernel_memory)->deltas;
    const uint32_t length = list_length(layer), side = config->pool ? 2 : 1;
    const uint32_t right = config->stride * config->in_channels, down = config->stride * padded_pitch(layer);
    const m0plus_delta_lists lists = {
        .windows = {0, right << 8, down << 8, (right + down) << 8},
        .deltas = layer->delta + channel,
        .positions = config->pool ? layer->positions + channel : NULL,
        .rows = layer->out_height,
        .row_bytes = layer->out_width * config->out_channels,
        .pixel_bytes = config->out_channels,
        .pixel_step = side * right << 8,
        .row_step = side * (down - layer->out_width * right) << 8,
        .lists = {list, list + length, list + 2 * length, list + 3 * length},
    };
    m0plus_list_deltas4(&lists);
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

static void PRIOT_HOT correlate(const engine_layer *layer, uint32_t channel, int32_t *gradient) {
    const engine_layer_config *config = &layer->config;
    const layer_memory *memory = layer->kernel_memory;
    const uint32_t pitch = padded_pitch(layer), row = config->kernel * config->in_channels;
    uintptr_t map = (uintptr_t)layer->kernel_scratch;
    if (channel % 4 == 0) {
        list_deltas(layer, channel);
    }
    const sparse_element *const list = memory->deltas + channel % 4 * list_length(layer);
    if (config->in_channels == 1) {
        m0plus_correlate9(list, map, pitch, gradient);
        return;
    }
    void (*const correlate8)(const sparse_element *, uintptr_t, uint32_t, int32_t *) =
        fits_lanes(list) ? m0plus_correlate8_lanes : m0plus_correlate8;
    for (uint32_t ky = 0; ky < config->kernel; ky++, map += pitch, gradient += row) {
        correlate8(list, map, row / 8, gradient);
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

void PRIOT_HOT m0plus_convolution_gradient(const engine_layer *layer, uint32_t channel, int32_t *gradient) {
    const layer_memory *memory = layer->kernel_memory;
    if (memory == NULL) {
        engine_kernels_plain.convolution_gradient(layer, channel, gradient);
        return;
    }
    if (memory->correlates) {
        correlate(layer, channel, gradient);
        return;
    }
    const uint32_t outputs = layer->config.out_channels;
    m0plus_clear_words((uint32_t *)gradient, layer->fan_in);
    uint32_t index = channel;
    for (uint32_t y = 0; y < layer->out_height; y++) {
        for (uint32_t x = 0; x < layer->out_width; x++, index += outputs) {
            const int32_t delta = layer->delta[index];
            if (delta == 0) {
                continue;
            }
            if (layer->config.pool) {
                const uint32_t position = layer->positions[index];
                add_window(layer, memory, 2 * y + (position >> 1), 2 * x + (position & 1), delta, gradient);
            } else {
                add_window(layer, memory, y, x, delta, gradient);
            }
        }
    }
}
