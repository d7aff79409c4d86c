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

static inline bool has_delta(const int8_t *deltas, uint32_t count) {
    for (const int8_t *end = deltas + count; deltas < end; deltas += 4) {
        uint32_t word;
        memcpy(&word, __builtin_assume_aligned(deltas, 4), sizeof word);
        if (word != 0) {
            return true;
        }
    }
    return false;
}

/* Lists the output pixels with a delta in any channel. */
static void PRIOT_HOT list_pixels(const engine_layer *layer, layer_memory *memory) {
    const uint32_t outputs = layer->config.out_channels, side = layer->config.pool ? 2 : 1;
    const uint32_t right = side * layer->config.stride * layer->config.in_channels;
    const uint32_t down = side * layer->config.stride * padded_pitch(layer);
    uint32_t *next = memory->pixels;
    uint32_t index = 0;
    for (uint32_t y = 0; y < layer->out_height; y++) {
        uint32_t place = y * down;
        for (uint32_t x = 0; x < layer->out_width; x++, place += right, index += outputs) {
            if (has_delta(layer->delta + index, outputs)) {
                *next++ = place << 16 | index;
            }
        }
    }
    memory->pixel_count = (uint32_t)(next - memory->pixels);
}

/* Scratch: the padded input, the listed pixels, a channel's deltas. */
void PRIOT_HOT m0plus_prepare_gradients(const engine_layer *layer) {
    layer_memory *memory = layer->kernel_memory;
    if (memory == NULL) {
        return;
    }
    memory->correlates = m0plus_correlates(layer);
    if (memory->correlates) {
        memory->pixels = (uint32_t *)((uint8_t *)layer->kernel_scratch + m0plus_padded_bytes(layer));
        pad_input(layer);
        list_pixels(layer, memory);
    }
}

/* A channel's non-zero deltas, each with the place of its window in the padded map. */
static void PRIOT_HOT list_channel(const engine_layer *layer, uint32_t channel, m0plus_work *next) {
    const layer_memory *memory = layer->kernel_memory;
    const uint32_t right = layer->config.stride * layer->config.in_channels;
    const uint32_t down = layer->config.stride * padded_pitch(layer);
    const uintptr_t padded = (uintptr_t)layer->kernel_scratch;
    const uintptr_t places[4] = {padded, padded + right, padded + down, padded + down + right};
    const int8_t *const delta = layer->delta + channel;
    const uint8_t *const position = layer->config.pool ? layer->positions + channel : NULL;
    const uint32_t *const end = memory->pixels + memory->pixel_count;
    for (const uint32_t *pixel = memory->pixels; pixel < end; pixel++) {
        const uint32_t index = *pixel & 0xffff;
        const int32_t value = delta[index];
        if (value != 0) {
            next->x = value;
            next->place = places[position == NULL ? 0 : position[index]] + (*pixel >> 16);
            next++;
        }
    }
    *next = (m0plus_work){0, 0};
}

static void PRIOT_HOT correlate(const engine_layer *layer, uint32_t channel, int32_t *gradient) {
    const engine_layer_config *config = &layer->config;
    const layer_memory *memory = layer->kernel_memory;
    m0plus_work *const list = (m0plus_work *)(memory->pixels + ((memory->pixel_count + 1) & ~1u));
    const uint32_t pitch = padded_pitch(layer), row = config->kernel * config->in_channels;
    list_channel(layer, channel, list);
    if (config->in_channels == 1) {
        m0plus_correlate9(list, pitch, gradient);
        return;
    }
    for (uint32_t ky = 0; ky < config->kernel; ky++) {
        m0plus_correlate8(list, ky * pitch, row / 8, gradient + ky * row);
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
