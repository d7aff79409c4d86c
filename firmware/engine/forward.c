/* Forward pass (docs/arithmetic.md, "Forward"; "niti-dynamic" for shifts from each image's tensors). */
#include "arithmetic.h"
#include "engine_internal.h"
#include "kernels/kernels.h"

#include <string.h>

static uint32_t dynamic_shift(const int32_t *acc, uint32_t count) {
    return subtract_to_zero(bit_width(maximum_magnitude(acc, count)), 7);
}

/* Row by row, so that only the accumulators of one output row are held; dynamic shifts need the whole map first. */
static void convolution_forward(engine *self, uint32_t l) {
    engine_layer *layer = &self->layers[l];
    const engine_kernel_table *kernels = self->kernels;
    const uint32_t rows = layer->config.pool ? 2 : 1, acc_row = layer->conv_width * layer->config.out_channels;
    if (self->method->dynamic_shifts) {
        kernels->convolution(layer, 0, layer->conv_height, self->scratch);
        layer->activation_shift = dynamic_shift(self->scratch, layer->conv_height * acc_row);
    }
    for (uint32_t row = 0; row < layer->out_height; row++) {
        const int32_t *acc = self->scratch;
        if (kernels->convolution_row != NULL && !self->method->dynamic_shifts) {
            kernels->convolution_row(layer, row, self->scratch);
            engine_book(self, l, ENGINE_PHASE_FORWARD);
            continue;
        }
        if (self->method->dynamic_shifts) {
            acc += row * rows * acc_row;
        } else {
            kernels->convolution(layer, row * rows, rows, self->scratch);
        }
        engine_book(self, l, ENGINE_PHASE_FORWARD);
        kernels->requantise_row(layer, acc, row);
        engine_book(self, l, ENGINE_PHASE_REQUANTISE);
    }
}

static void accumulate_rows(const engine *self, const engine_layer *layer, bool frozen, int32_t *acc) {
    const engine_kernel_table *kernels = self->kernels;
    const uint32_t outputs = layer->config.out_channels;
    memset(acc, 0, outputs * sizeof *acc);
    for (uint32_t i = 0; i < layer->in_count; i++) {
        const int32_t x = layer->input[i];
        if (x == 0 && !kernels->dense) {
            continue;
        }
        const int8_t *row = layer->row;
        if (layer->effective_kept) {
            row = layer->effective + i * outputs;
        } else {
            self->method->effective_row(layer, i, frozen, layer->row);
        }
        kernels->add_scaled_row(acc, row, x, outputs);
    }
}

static void linear_forward(engine *self, uint32_t l, bool frozen) {
    engine_layer *layer = &self->layers[l];
    const engine_kernel_table *kernels = self->kernels;
    const uint32_t outputs = layer->config.out_channels;
    int32_t *acc = layer->output == NULL ? self->logits : self->scratch;
    if (kernels->linear == NULL || !layer->effective_kept || !kernels->linear(layer, acc)) {
        accumulate_rows(self, layer, frozen, acc);
    }
    if (self->method->dynamic_shifts) {
        layer->activation_shift = dynamic_shift(acc, outputs);
    }
    engine_book(self, l, ENGINE_PHASE_FORWARD);
    if (layer->output != NULL) {
        kernels->requantise_row(layer, acc, 0);
        engine_book(self, l, ENGINE_PHASE_REQUANTISE);
    }
}

void engine_forward(engine *self, const uint8_t *image, bool frozen) {
    self->layers[0].input = (const int8_t *)image;
    for (uint32_t l = 0; l < self->layer_count; l++) {
        if (self->kernels->prepare != NULL) {
            self->kernels->prepare(&self->layers[l]);
        }
        if (self->layers[l].config.operation == ENGINE_CONV2D) {
            convolution_forward(self, l);
        } else {
            linear_forward(self, l, frozen);
        }
    }
}

uint32_t engine_prediction(const engine *self) {
    const uint32_t outputs = engine_output_count(self);
    uint32_t best = 0;
    for (uint32_t o = 1; o < outputs; o++) {
        if (self->logits[o] > self->logits[best]) {
            best = o;
        }
    }
    return best;
}
