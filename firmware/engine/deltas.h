/* This file declares what backward passes share: which inputs have an error, and lists of deltas. Below the kernels. */
#ifndef PRIOT_ENGINE_DELTAS_H
#define PRIOT_ENGINE_DELTAS_H

#include "layer.h"

/* Tells whether an input has an error: where the layer below has ReLU, only positive ones have. */
static inline bool engine_has_error(const engine_layer *layer, uint32_t input) {
    return !layer->shape.below_has_relu || layer->step.input[input] > 0;
}

/* Makes the deltas of the layer below from its error accumulators, both in_count long. */
void engine_requantise_errors(const engine_layer *layer, const int32_t *errors, int8_t *below);

/* Lists the non-zero deltas of a linear layer, ascending; returns their number. */
uint32_t engine_list_deltas(const engine_layer *layer, engine_sparse_delta *list);

/* Returns the largest magnitude of some deltas or inputs. */
uint32_t engine_largest_magnitude(const int8_t *values, uint32_t count);

#endif
