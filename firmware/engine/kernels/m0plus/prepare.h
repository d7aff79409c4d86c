/* This file declares what the Cortex-M0+ kernels do once an image for each layer, and the memory they ask for. */
#ifndef PRIOT_ENGINE_M0PLUS_PREPARE_H
#define PRIOT_ENGINE_M0PLUS_PREPARE_H

#include "layer_memory.h"

/* kernels.h: the hooks of the same names. */
uint32_t m0plus_memory_bytes(const engine_layer *layer);
uint32_t m0plus_scratch_bytes(const engine_layer *layer);
void m0plus_prepare(engine_layer *layer);
void m0plus_prepare_weights(engine_layer *layer);
void m0plus_prepare_twin(const engine_layer *layer, const engine_layer *twin);
bool m0plus_halve(const engine_layer *layer, engine_layer *half, void *const views[2]);

#endif
