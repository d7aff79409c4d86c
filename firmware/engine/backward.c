/* Backward pass and update (docs/arithmetic.md, "Backward"): layers from last to first; in each first the error with
 * the old learned state, then the update. In a linear layer both go input by input: an input's error and its update
 * touch only that input's edges, so the order is kept. */
#include "arithmetic.h"
#include "engine_internal.h"
#include "kernels/kernels.h"

static uint32_t maximum_magnitude_int8(const int8_t *values, uint32_t count) {
    uint32_t maximum = 0;
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t magnitude = (uint32_t)absolute(values[i]);
        maximum = magnitude > maximum ? magnitude : maximum;
    }
    return maximum;
}

void engine_requantise_errors(const engine_layer *layer, const int32_t *errors, int8_t *below) {
    for (uint32_t i = 0; i < layer->in_count; i++) {
        below[i] = engine_has_error(layer, i) ? clamp_int8(round_shift(errors[i], layer->error_shift)) : 0;
    }
}

uint32_t engine_list_deltas(const engine_layer *layer, engine_sparse_delta *list) {
    uint32_t count = 0;
    for (uint32_t o = 0; o < layer->out_count; o++) {
        if (layer->delta[o] != 0) {
            list[count++] = (engine_sparse_delta){.output = o, .delta = layer->delta[o]};
        }
    }
    return count;
}

static const int8_t *effective_row(const engine *self, const engine_layer *layer, uint32_t input) {
    if (layer->effective_kept) {
        return layer->effective + input * layer->config.out_channels;
    }
    self->method->effective_row(layer, input, false, layer->row);
    return layer->row;
}

static void PRIOT_HOT linear_error(const engine *self, const engine_layer *layer, uint32_t count, int8_t *below) {
    if (self->kernels->linear_below != NULL && layer->effective_kept &&
        self->kernels->linear_below(layer, self->sparse, count, below)) {
        return;
    }
    for (uint32_t i = 0; i < layer->in_count; i++) {
        below[i] = 0;
        if (engine_has_error(layer, i)) {
            const int32_t error = self->kernels->sparse_dot(effective_row(self, layer, i), self->sparse, count);
            below[i] = clamp_int8(round_shift(error, layer->error_shift));
        }
    }
}

static void linear_error_dynamic(const engine *self, engine_layer *layer, uint32_t count, int8_t *below) {
    for (uint32_t i = 0; i < layer->in_count; i++) {
        self->scratch[i] = self->kernels->sparse_dot(effective_row(self, layer, i), self->sparse, count);
    }
    layer->error_shift = subtract_to_zero(bit_width(maximum_magnitude(self->scratch, layer->in_count)), 7);
    engine_requantise_errors(layer, self->scratch, below);
}

/* The largest gradient of a linear layer is max|d| * max|x|, since G = d * x. */
static uint32_t linear_update_shift(const engine *self, const engine_layer *layer) {
    const uint32_t gradient =
        maximum_magnitude_int8(layer->delta, layer->out_count) * maximum_magnitude_int8(layer->input, layer->in_count);
    return subtract_to_zero(bit_width(gradient), self->mu);
}

/* Rows whose every gradient is negligible are left out. */
static void PRIOT_HOT linear_update(const engine *self, engine_layer *layer, uint32_t count) {
    const int32_t largest = (int32_t)maximum_magnitude_int8(layer->delta, layer->out_count);
    if (largest == 0) {
        return;
    }
    const int32_t smallest = layer->negligible / largest + 1; /* of the inputs with a gradient to speak of */
    if (self->method->update_rows != NULL && self->method->update_rows(layer, smallest, self->sparse, count)) {
        return;
    }
    for (uint32_t i = 0; i < layer->in_count; i++) {
        const int32_t x = layer->input[i];
        if (absolute(x) >= smallest) {
            self->method->update_row(layer, i, x, self->sparse, count);
        }
    }
}

static void linear_backward(engine *self, uint32_t l, int8_t *below) {
    engine_layer *layer = &self->layers[l];
    const bool dynamic = self->method->dynamic_shifts;
    const uint32_t count = engine_list_deltas(layer, self->sparse);
    if (below != NULL) {
        if (dynamic) {
            linear_error_dynamic(self, layer, count, below);
        } else {
            linear_error(self, layer, count, below);
        }
    }
    engine_book(self, l, ENGINE_PHASE_ERROR);
    if (dynamic) {
        layer->update_shift = linear_update_shift(self, layer);
        layer->negligible = self->method->negligible(layer->update_shift, layer->largest_weight);
    }
    linear_update(self, layer, count);
    engine_book(self, l, ENGINE_PHASE_UPDATE);
}

static void convolution_backward(engine *self, uint32_t l, int8_t *below) {
    engine_layer *layer = &self->layers[l];
    const bool dynamic = self->method->dynamic_shifts;
    const uint32_t channels = layer->config.out_channels;
    if (below != NULL) {
        if (!dynamic && self->kernels->convolution_below != NULL) {
            self->kernels->convolution_below(layer, self->scratch, self->channel_weights, below);
        } else {
            self->kernels->convolution_error(layer, self->scratch, self->channel_weights);
            if (dynamic) {
                layer->error_shift = subtract_to_zero(bit_width(maximum_magnitude(self->scratch, layer->in_count)), 7);
            }
            engine_requantise_errors(layer, self->scratch, below);
        }
        engine_book(self, l, ENGINE_PHASE_ERROR);
    }
    if (self->kernels->prepare_gradients != NULL) {
        self->kernels->prepare_gradients(layer);
    }
    if (dynamic) {
        for (uint32_t o = 0; o < channels; o++) {
            self->kernels->convolution_gradient(layer, o, self->scratch + o * layer->fan_in);
        }
        layer->update_shift = subtract_to_zero(bit_width(maximum_magnitude(self->scratch, layer->edges)), self->mu);
    }
    for (uint32_t o = 0; o < channels; o++) {
        const int32_t *gradient = dynamic ? self->scratch + o * layer->fan_in : self->scratch;
        if (!dynamic) {
            self->kernels->convolution_gradient(layer, o, self->scratch);
        }
        self->method->update_channel(layer, o, gradient);
    }
    engine_book(self, l, ENGINE_PHASE_UPDATE);
}

void engine_backward(engine *self) {
    for (uint32_t l = self->layer_count; l-- > 0;) {
        int8_t *below = l == 0 ? NULL : self->layers[l - 1].delta;
        if (self->layers[l].config.operation == ENGINE_CONV2D) {
            convolution_backward(self, l, below);
        } else {
            linear_backward(self, l, below);
        }
    }
}
