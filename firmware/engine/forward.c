/* Forward pass (docs/arithmetic.md, "Forward"; "niti-dynamic" for shifts from each image's tensors). */
#include "arithmetic.h"
#include "kernels/kernels.h"
#include "operations/operations.h"
#include "passes.h"

void engine_place_biases(engine *self, engine_layer *layer, int32_t exponent) {
    const int16_t *biases = layer->memory.biases;
    layer->step.biases = NULL;
    if (biases == NULL) {
        return;
    }
    const int32_t shift = clamp_between(layer->config.bias_exponent - exponent, BIAS_SHIFT_MIN, BIAS_SHIFT_MAX);
    for (uint32_t o = 0; o < layer->config.out_channels; o++) {
        self->biases[o] = shift >= 0 ? biases[o] * (1 << shift) : round_shift(biases[o], (uint32_t)-shift);
    }
    layer->step.biases = self->biases;
}

/* Dynamic shifts need all of a layer's accumulators first. */
static void forward_dynamic(engine *self, uint32_t l, bool frozen) {
    engine_layer *layer = &self->layers[l];
    int32_t *acc = layer->memory.output == NULL ? self->logits : self->scratch;
    layer->operation->accumulate(self, layer, frozen, acc);
    layer->step.activation_shift = dynamic_shift(acc, engine_accumulator_count(layer));
    engine_book(self, l, ENGINE_PHASE_FORWARD);
    if (layer->memory.output != NULL) {
        layer->kernels->requantise(layer, 0, layer->shape.out_height, acc);
        engine_book(self, l, ENGINE_PHASE_REQUANTISE);
    }
}

void engine_forward(engine *self, const uint8_t *image, bool frozen) {
    int32_t exponent = self->config.input_exponent; /* of the layer's input */
    self->layers[0].step.input = (const int8_t *)image;
    for (uint32_t l = 0; l < self->layer_count; l++) {
        engine_layer *layer = &self->layers[l];
        exponent += layer->config.weight_exponent;
        engine_place_biases(self, layer, exponent);
        if (self->kernels->prepare != NULL) {
            self->kernels->prepare(layer);
        }
        if (self->method->dynamic_shifts) {
            forward_dynamic(self, l, frozen);
        } else {
            layer->operation->forward(self, l, frozen);
        }
        exponent += (int32_t)layer->step.activation_shift;
    }
}

uint32_t engine_prediction(const engine *self) {
    const uint32_t outputs = engine_last_layer(self)->config.out_channels;
    uint32_t best = 0;
    for (uint32_t o = 1; o < outputs; o++) {
        if (self->logits[o] > self->logits[best]) {
            best = o;
        }
    }
    return best;
}
