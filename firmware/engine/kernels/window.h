/* This file says where windows meet maps: the geometry that the kernels of convolutions share. */
#ifndef PRIOT_ENGINE_WINDOW_H
#define PRIOT_ENGINE_WINDOW_H

#include "../layer.h"

#include <string.h>

/* The part of a kernel, along one side, that lies inside the map: taps [first, last), the first of them on input `in`.
 * Nothing: first = last. */
typedef struct {
    uint32_t first, last, in;
} engine_taps;

/* Returns the taps inside the map of the window at output `position`. */
static inline engine_taps engine_taps_inside(uint32_t position, uint32_t stride, uint32_t before, uint32_t kernel,
                                             uint32_t side) {
    const uint32_t start = position * stride; /* of the padded map */
    const uint32_t first = start < before ? before - start : 0;
    const uint32_t room = side + before > start ? side + before - start : 0; /* taps before the padding behind */
    const uint32_t last = kernel < room ? kernel : room;
    return (engine_taps){first, last > first ? last : first, start + first - before};
}

/* A window's taps inside the map: rows, and columns in elements of a kernel row. */
typedef struct {
    engine_taps rows;
    uint32_t begin, end; /* of kernel_columns * channels */
    uint32_t in;         /* the map's element under the first of them */
} engine_window;

static inline engine_window engine_window_at(const engine_layer_config *config, uint32_t oy, uint32_t ox) {
    const engine_taps rows = engine_taps_inside(oy, config->stride, config->padding, config->kernel, config->in_height);
    const engine_taps columns =
        engine_taps_inside(ox, config->stride_columns, config->padding_left, config->kernel_columns, config->in_width);
    const uint32_t channels = config->in_channels;
    return (engine_window){rows, columns.first * channels, columns.last * channels,
                           (rows.in * config->in_width + columns.in) * channels};
}

/* Finds where a delta of the layer lies in the accumulator map. */
static inline void engine_locate(const engine_layer *layer, uint32_t y, uint32_t x, uint32_t index, uint32_t *oy,
                                 uint32_t *ox) {
    if (layer->config.pool) {
        const uint32_t position = layer->memory.positions[index];
        *oy = 2 * y + (position >> 1);
        *ox = 2 * x + (position & 1);
    } else {
        *oy = y;
        *ox = x;
    }
}

/* Begins the accumulators of some pixels with the biases. */
static inline void engine_begin_pixels(const engine_layer *layer, uint32_t pixels, int32_t *acc) {
    const uint32_t outputs = layer->config.out_channels;
    if (layer->step.biases == NULL) {
        memset(acc, 0, pixels * outputs * sizeof *acc);
        return;
    }
    for (uint32_t pixel = 0; pixel < pixels; pixel++, acc += outputs) {
        memcpy(acc, layer->step.biases, outputs * sizeof *acc);
    }
}

#endif
