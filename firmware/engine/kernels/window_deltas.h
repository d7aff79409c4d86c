/* This file walks the deltas of a convolution: each with its window on the input. What the plain kernels and the
 * WebAssembly ones do with them differs by how a row is added alone. */
#ifndef PRIOT_ENGINE_WINDOW_DELTAS_H
#define PRIOT_ENGINE_WINDOW_DELTAS_H

#include "window.h"

/* Adds x times `count` values of a row to accumulators. */
typedef void engine_add_scaled(int32_t *restrict acc, const int8_t *restrict row, int32_t x, uint32_t count);

/* A walk over the deltas of one output channel. */
typedef struct {
    uint32_t y, x, index; /* of the next delta */
    int32_t delta;
    engine_window window;
} engine_delta_walk;

static inline engine_delta_walk engine_walk_deltas(uint32_t channel) {
    return (engine_delta_walk){.index = channel};
}

/* Moves on to the next delta, and fills delta and window; zeros are left out unless `dense`. False at the end. */
static inline bool engine_next_delta(const engine_layer *layer, engine_delta_walk *walk, bool dense) {
    for (; walk->y < layer->shape.out_height; walk->y++, walk->x = 0) {
        while (walk->x < layer->shape.out_width) {
            const uint32_t x = walk->x++, index = walk->index;
            walk->index += layer->config.out_channels;
            walk->delta = layer->memory.delta[index];
            if (walk->delta == 0 && !dense) {
                continue;
            }
            uint32_t oy, ox;
            engine_locate(layer, walk->y, x, index, &oy, &ox);
            walk->window = engine_window_at(&layer->config, oy, ox);
            return true;
        }
    }
    return false;
}

/* Makes the error accumulators of a convolution's inputs. */
static inline void engine_scatter_errors(const engine_layer *layer, int32_t *error, int8_t *channel_weights, bool dense,
                                         engine_add_scaled *add) {
    const engine_layer_config *config = &layer->config;
    const uint32_t outputs = config->out_channels, kernel_row = config->kernel_columns * config->in_channels;
    const uint32_t in_row = config->in_width * config->in_channels;
    memset(error, 0, layer->shape.in_count * sizeof *error);
    for (uint32_t o = 0; o < outputs; o++) {
        for (uint32_t i = 0; i < layer->shape.fan_in; i++) {
            channel_weights[i] = layer->memory.effective[i * outputs + o];
        }
        for (engine_delta_walk walk = engine_walk_deltas(o); engine_next_delta(layer, &walk, dense);) {
            const engine_window *window = &walk.window;
            int32_t *under = error + window->in;
            for (uint32_t ky = window->rows.first; ky < window->rows.last; ky++, under += in_row) {
                add(under, channel_weights + ky * kernel_row + window->begin, walk.delta, window->end - window->begin);
            }
        }
    }
}

/* Makes the gradient of each channel [first, end) of a convolution, and hands it on. */
static inline void engine_gather_gradients(engine_layer *layer, uint32_t first, uint32_t end,
                                           const engine_gradient_sink *sink, bool dense, engine_add_scaled *add) {
    const engine_layer_config *config = &layer->config;
    const uint32_t kernel_row = config->kernel_columns * config->in_channels;
    const uint32_t in_row = config->in_width * config->in_channels;
    int32_t *gradient = sink->gradient;
    for (uint32_t channel = first; channel < end; channel++, gradient += sink->pitch) {
        memset(gradient, 0, layer->shape.fan_in * sizeof *gradient);
        for (engine_delta_walk walk = engine_walk_deltas(channel); engine_next_delta(layer, &walk, dense);) {
            const engine_window *window = &walk.window;
            const int8_t *under = layer->step.input + window->in;
            for (uint32_t ky = window->rows.first; ky < window->rows.last; ky++, under += in_row) {
                add(gradient + ky * kernel_row + window->begin, under, walk.delta, window->end - window->begin);
            }
        }
        if (sink->take != NULL) {
            sink->take(layer, channel, gradient);
        }
    }
}

#endif
