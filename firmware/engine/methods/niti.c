/* NITI (arXiv 2009.13108): the weights themselves are trained, with static or dynamic shifts. */
#include "methods.h"

/* A linear layer's one array is its effective weights; a convolution keeps the canonical order beside them. */
static engine_layer_bytes layer_bytes(const engine_layer *layer) {
    return (engine_layer_bytes){.effective = layer->edges,
                                .state = layer->config.operation == ENGINE_LINEAR ? 0 : layer->edges};
}

static void place(engine_layer *layer) {
    if (layer->config.operation == ENGINE_LINEAR) {
        layer->state = layer->effective;
    }
}

/* The state is the weights: whichever is written last counts. */
static void set(engine_layer *layer, engine_tensor tensor, uint32_t edge, int8_t value) {
    if (tensor != ENGINE_SCORED) {
        ((int8_t *)layer->state)[edge] = value;
    }
}

static int8_t get(const engine_layer *layer, engine_tensor tensor, uint32_t edge) {
    return tensor == ENGINE_SCORED ? 1 : ((const int8_t *)layer->state)[edge];
}

static void refresh(engine_layer *layer, bool frozen) {
    (void)frozen; /* the frozen network is the state before the first step */
    if (layer->config.operation == ENGINE_LINEAR) {
        return;
    }
    const int8_t *weights = layer->state;
    for (uint32_t channel = 0; channel < layer->config.out_channels; channel++) {
        for (uint32_t tap = 0; tap < layer->fan_in; tap++) {
            layer->effective[effective_index(layer, channel, tap)] = *weights++;
        }
    }
}

static inline int8_t updated_weight(const engine_layer *layer, int8_t weight, int32_t gradient) {
    return clamp_int8(weight - clamp_int8(pseudo_stochastic_shift(gradient, layer->update_shift)));
}

/* P is 0 where neither the kept bits nor the upper half of the dropped ones hold a one. */
static int32_t negligible(uint32_t shift, int32_t largest_weight) {
    (void)largest_weight;
    return (int32_t)(1u << (shift >> 1)) - 1;
}

static void update_row(engine_layer *layer, uint32_t input, int32_t x, const engine_sparse_delta *deltas,
                       uint32_t count) {
    int8_t *weights = (int8_t *)layer->state + input * layer->config.out_channels;
    const int32_t limit = layer->negligible;
    const uint32_t span = 2u * (uint32_t)limit;
    for (const engine_sparse_delta *end = deltas + count; deltas < end; deltas++) {
        const int32_t gradient = deltas->delta * x;
        if ((uint32_t)(gradient + limit) > span) {
            weights[deltas->output] = updated_weight(layer, weights[deltas->output], gradient);
        }
    }
}

static void update_channel(engine_layer *layer, uint32_t channel, const int32_t *gradient) {
    int8_t *weights = (int8_t *)layer->state + channel * layer->fan_in;
    for (uint32_t tap = 0; tap < layer->fan_in; tap++) {
        if (gradient[tap] != 0) {
            weights[tap] = updated_weight(layer, weights[tap], gradient[tap]);
            layer->effective[effective_index(layer, channel, tap)] = weights[tap];
            layer->changed_channels |= 1u << channel % 32;
        }
    }
}

#define NITI_OPERATIONS                                                                                                \
    .trains_weights = true, .layer_bytes = layer_bytes, .place = place, .set = set, .get = get, .refresh = refresh,    \
    .negligible = negligible, .update_row = update_row, .update_channel = update_channel

const engine_method_operations engine_method_niti_static = {NITI_OPERATIONS};
const engine_method_operations engine_method_niti_dynamic = {.dynamic_shifts = true, NITI_OPERATIONS};
