#include "deltas.h"

#include "arithmetic.h"

void engine_requantise_errors(const engine_layer *layer, const int32_t *errors, int8_t *below) {
    for (uint32_t i = 0; i < layer->shape.in_count; i++) {
        below[i] = engine_has_error(layer, i) ? clamp_int8(round_shift(errors[i], layer->step.error_shift)) : 0;
    }
}

uint32_t engine_list_deltas(const engine_layer *layer, engine_sparse_delta *list) {
    uint32_t count = 0;
    for (uint32_t o = 0; o < layer->shape.out_count; o++) {
        if (layer->memory.delta[o] != 0) {
            list[count++] = (engine_sparse_delta){.output = o, .delta = layer->memory.delta[o]};
        }
    }
    return count;
}

uint32_t engine_largest_magnitude(const int8_t *values, uint32_t count) {
    uint32_t maximum = 0;
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t magnitude = (uint32_t)absolute(values[i]);
        maximum = magnitude > maximum ? magnitude : maximum;
    }
    return maximum;
}
