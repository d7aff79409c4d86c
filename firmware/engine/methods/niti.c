/* NITI (arXiv 2009.13108): the weights themselves are trained, with static or dynamic shifts. */
#include "methods.h"

/* Where both have one order, one array is the state and the effective weights. */
static engine_layer_bytes layer_bytes(const engine_layer *layer) {
    const uint32_t edges = layer->shape.edges;
    return (engine_layer_bytes){.effective = edges, .state = same_order(layer) ? 0 : edges};
}

static void set_pointers(engine_layer *layer) {
    if (same_order(layer)) {
        layer->memory.state = layer->memory.effective;
    }
}

/* The state is the weights: whichever is written last counts. */
static void set(engine_layer *layer, engine_tensor tensor, uint32_t edge, int8_t value) {
    if (tensor != ENGINE_SCORED) {
        ((int8_t *)layer->memory.state)[edge] = value;
    }
}

static int8_t get(const engine_layer *layer, engine_tensor tensor, uint32_t edge) {
    return tensor == ENGINE_SCORED ? 1 : ((const int8_t *)layer->memory.state)[edge];
}

static void refresh(engine_layer *layer, bool frozen) {
    (void)frozen; /* the frozen network is the state before the first step */
    if (same_order(layer)) {
        return;
    }
    const int8_t *weights = layer->memory.state;
    for (uint32_t group = 0; group < layer->shape.groups; group++) {
        for (uint32_t index = 0; index < layer->shape.group_size; index++) {
            layer->memory.effective[effective_index(layer, group, index)] = *weights++;
        }
    }
}

static inline int8_t updated_weight(const engine_layer *layer, int8_t weight, int32_t gradient) {
    return clamp_int8(weight - clamp_int8(pseudo_stochastic_shift(gradient, layer->step.update_shift)));
}

/* P is 0 where neither the kept bits nor the upper half of the dropped ones hold a one. */
static int32_t negligible(uint32_t shift, int32_t largest_weight) {
    (void)largest_weight;
    return (int32_t)(1u << (shift >> 1)) - 1;
}

static void update_row(engine_layer *layer, uint32_t input, int32_t x, const engine_sparse_delta *deltas,
                       uint32_t count) {
    int8_t *weights = (int8_t *)layer->memory.state + input * layer->config.out_channels;
    const int32_t limit = layer->step.negligible;
    const uint32_t span = 2u * (uint32_t)limit;
    for (const engine_sparse_delta *end = deltas + count; deltas < end; deltas++) {
        const int32_t gradient = deltas->delta * x;
        if ((uint32_t)(gradient + limit) > span) {
            weights[deltas->output] = updated_weight(layer, weights[deltas->output], gradient);
        }
    }
}

static void update_channel(engine_layer *layer, uint32_t channel, const int32_t *gradient) {
    int8_t *weights = (int8_t *)layer->memory.state + channel * layer->shape.fan_in;
    for (uint32_t tap = 0; tap < layer->shape.fan_in; tap++) {
        if (gradient[tap] != 0) {
            weights[tap] = updated_weight(layer, weights[tap], gradient[tap]);
            layer->memory.effective[effective_index(layer, channel, tap)] = weights[tap];
            mark_changed(layer, channel);
        }
    }
}

#define NITI_OPERATIONS                                                                                                \
    .trains_weights = true, .layer_bytes = layer_bytes, .set_pointers = set_pointers, .set = set, .get = get,          \
    .refresh = refresh, .negligible = negligible, .update_row = update_row, .update_channel = update_channel

const engine_method_operations engine_method_niti_static = {NITI_OPERATIONS};
const engine_method_operations engine_method_niti_dynamic = {.dynamic_shifts = true, NITI_OPERATIONS};
