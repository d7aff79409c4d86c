/* This file declares the Cortex-M0+ kernels of the backward pass: the hooks of kernels.h. */
#ifndef PRIOT_ENGINE_M0PLUS_BACKWARD_H
#define PRIOT_ENGINE_M0PLUS_BACKWARD_H

#include "layer_memory.h"

/* backward.c */
void m0plus_below(const engine_layer *layer, int32_t *error, int8_t *channel_weights, int8_t *below);
bool m0plus_below_reads_copies(const engine_layer *layer);
bool m0plus_linear_below(const engine_layer *layer, const engine_sparse_delta *deltas, uint32_t count, int8_t *below);
/* gradients.c */
void m0plus_gradients(engine_layer *layer, uint32_t first, uint32_t end, const engine_gradient_sink *sink);

#endif
