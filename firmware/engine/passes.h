/* This file declares the parts of a step, in its order. */
#ifndef PRIOT_ENGINE_PASSES_H
#define PRIOT_ENGINE_PASSES_H

#include "layer.h"

/* tensors.c: makes the kept effective weights those of the learned state, or of the frozen network. */
void engine_refresh(engine *self, bool frozen);
/* forward.c: fills every layer's output and the logits. */
void engine_forward(engine *self, const uint8_t *image, bool frozen);
/* forward.c: brings a layer's biases to the scale of its accumulators, 2^exponent (docs/arithmetic.md, "Biases"). */
void engine_place_biases(engine *self, engine_layer *layer, int32_t exponent);
/* forward.c: returns the first output with the largest logit. */
uint32_t engine_prediction(const engine *self);
/* loss.c: fills the last layer's delta; false when it is all zero. */
bool engine_loss_gradient(engine *self, uint32_t label);
/* backward.c: errors and updates, last layer to first. */
void engine_backward(engine *self);

#endif
