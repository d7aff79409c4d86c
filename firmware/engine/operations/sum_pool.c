/* The sum over all positions of a map, one output per channel. It has no edges and learns nothing. */
#include "../arithmetic.h"
#include "../deltas.h"
#include "../kernels/kernels.h"
#include "operations.h"

#include <string.h>

static engine_status check(const engine_checker *check, engine_layer *layer) {
    const engine_layer_config *config = &layer->config;
    if (layer->shape.is_first) {
        return engine_refuse(check, ENGINE_BAD_NETWORK, "a sum_pool must follow a convolution", 0);
    }
    if (config->relu || config->pool || config->bias || config->weight_exponent != 0 || config->scored_edges != 0) {
        return engine_refuse(check, ENGINE_BAD_NETWORK, "a sum_pool has no weights, bias, ReLU or pool", 0);
    }
    if (config->out_channels != config->in_channels) {
        return engine_refuse(check, ENGINE_BAD_NETWORK, "a sum_pool has as many outputs as channels",
                             config->out_channels);
    }
    engine_layer_shape *shape = &layer->shape;
    shape->conv_height = shape->conv_width = shape->out_height = shape->out_width = 1;
    return ENGINE_OK;
}

static engine_bounds bounds(const engine_layer *layer) {
    const engine_layer_config *config = &layer->config;
    return (engine_bounds){
        .accumulator = (uint64_t)config->in_height * config->in_width * INT8_LIMIT,
        .error = INT8_LIMIT,
        .gradient = 0,
    };
}

static engine_scratch scratch(const engine_layer *layer, bool dynamic_shifts) {
    (void)dynamic_shifts;
    return (engine_scratch){.sums = layer->config.out_channels};
}

static uint32_t edge_index(const engine_layer *layer, uint32_t canonical) {
    (void)layer;
    return canonical; /* there is none */
}

static void accumulate(const engine *self, const engine_layer *layer, bool frozen, int32_t *acc) {
    const uint32_t channels = layer->config.in_channels;
    const int8_t *input = layer->step.input, *const end = input + layer->shape.in_count;
    (void)self;
    (void)frozen;
    memset(acc, 0, channels * sizeof *acc);
    while (input < end) {
        for (uint32_t c = 0; c < channels; c++) {
            acc[c] += *input++;
        }
    }
}

static void forward(engine *self, uint32_t l, bool frozen) {
    engine_layer *layer = &self->layers[l];
    accumulate(self, layer, frozen, self->scratch);
    engine_book(self, l, ENGINE_PHASE_FORWARD);
    layer->kernels->requantise(layer, 0, 1, self->scratch);
    engine_book(self, l, ENGINE_PHASE_REQUANTISE);
}

static void errors(const engine *self, const engine_layer *layer, int32_t *error) {
    const uint32_t channels = layer->config.in_channels;
    int32_t *const end = error + layer->shape.in_count;
    (void)self;
    while (error < end) {
        for (uint32_t c = 0; c < channels; c++) {
            *error++ = layer->memory.delta[c];
        }
    }
}

/* Errors are deltas: at most 127, so that the dynamic error shift is 0. */
static void backward(engine *self, uint32_t l, int8_t *below) {
    engine_layer *layer = &self->layers[l];
    const uint32_t channels = layer->config.in_channels;
    const uint32_t shift = self->method->dynamic_shifts ? 0 : layer->step.error_shift;
    layer->step.error_shift = shift;
    for (uint32_t i = 0; i < layer->shape.in_count;) {
        for (uint32_t c = 0; c < channels; c++, i++) {
            below[i] = engine_has_error(layer, i) ? clamp_int8(round_shift(layer->memory.delta[c], shift)) : 0;
        }
    }
    engine_book(self, l, ENGINE_PHASE_ERROR);
}

const engine_operation engine_operation_sum_pool = {
    .reads_a_map = true,
    .check = check,
    .bounds = bounds,
    .scratch = scratch,
    .edge_index = edge_index,
    .accumulate = accumulate,
    .errors = errors,
    .forward = forward,
    .backward = backward,
};
