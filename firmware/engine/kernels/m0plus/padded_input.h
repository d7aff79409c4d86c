/* This file makes what gradients of convolutions are correlated on: the input with its padding around it, and lists of
 * the deltas with the places of their windows there. Its functions are inlined where they run, in SRAM or flash. */
#ifndef PRIOT_ENGINE_M0PLUS_PADDED_INPUT_H
#define PRIOT_ENGINE_M0PLUS_PADDED_INPUT_H

#include "layer_memory.h"

#include <string.h>

/* Returns the bytes of a row of the padded input. */
static inline uint32_t m0plus_padded_pitch(const engine_layer *layer) {
    return (layer->config.in_width + 2 * layer->config.padding) * layer->config.in_channels;
}

/* Fills the padded input, of m0plus_padded_bytes, word-aligned. Returns what is behind it. */
static inline uint8_t *m0plus_pad_input(const engine_layer *layer, uint8_t *padded) {
    const engine_layer_config *config = &layer->config;
    const uint32_t pitch = m0plus_padded_pitch(layer), row_bytes = config->in_width * config->in_channels;
    const uint32_t bytes = m0plus_padded_bytes(layer);
    uint8_t *const end = padded + bytes;
    m0plus_clear_words((uint32_t *)(void *)padded, bytes / M0PLUS_WORD_BYTES);
    padded += config->padding * (pitch + config->in_channels);
    const int8_t *row = layer->step.input;
    for (uint32_t y = 0; y < config->in_height; y++, padded += pitch, row += row_bytes) {
        memcpy(padded, row, row_bytes);
    }
    return end;
}

/* Lists the non-zero deltas of channels [channel, channel + 4), `length` elements apart from `list` on. */
static inline void m0plus_list_deltas(const engine_layer *layer, uint32_t channel, sparse_element *list,
                                      uint32_t length) {
    const engine_layer_config *config = &layer->config;
    const uint32_t side = config->pool ? 2 : 1;
    const uint32_t right = config->stride * config->in_channels, down = config->stride * m0plus_padded_pitch(layer);
    const m0plus_delta_lists lists = {
        .windows = {0, right << 8, down << 8, (right + down) << 8},
        .deltas = layer->memory.delta + channel,
        .positions = config->pool ? layer->memory.positions + channel : NULL,
        .rows = layer->shape.out_height,
        .row_bytes = layer->shape.out_width * config->out_channels,
        .pixel_bytes = config->out_channels,
        .pixel_step = side * right << 8,
        .row_step = side * (down - layer->shape.out_width * right) << 8,
        .lists = {list, list + length, list + 2 * length, list + 3 * length},
    };
    m0plus_list_deltas4(&lists);
}

#endif
