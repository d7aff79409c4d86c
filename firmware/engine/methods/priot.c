/* PRIOT (arXiv 2503.16860): frozen weights, a score for every edge; edges below the threshold are pruned or, in layers
 * that say so, negated. */
#include "methods.h"

#include "../kernels/kernels.h"

static engine_layer_bytes layer_bytes(const engine_layer *layer) {
    return (engine_layer_bytes){.weights = layer->shape.edges,
                                .effective = layer->memory.effective_kept ? layer->shape.edges : 0,
                                .state = layer->shape.edges};
}

static void set(engine_layer *layer, engine_tensor tensor, uint32_t edge, int8_t value) {
    if (tensor == ENGINE_WEIGHTS) {
        layer->memory.weights_sram[edge] = value;
    } else if (tensor == ENGINE_STATE) {
        ((int8_t *)layer->memory.state)[edge] = value;
    }
}

static int8_t get(const engine_layer *layer, engine_tensor tensor, uint32_t edge) {
    switch (tensor) {
    case ENGINE_WEIGHTS:
        return layer->memory.weights[edge];
    case ENGINE_SCORED:
        return 1;
    default:
        return ((const int8_t *)layer->memory.state)[edge];
    }
}

static int8_t effective_of(const engine_layer *layer, uint32_t edge, bool frozen) {
    const int8_t weight = layer->memory.weights[edge];
    return frozen ? weight : effective_weight(layer, weight, ((const int8_t *)layer->memory.state)[edge]);
}

static void refresh(engine_layer *layer, bool frozen) {
    uint32_t edge = 0;
    for (uint32_t group = 0; group < layer->shape.groups; group++) {
        for (uint32_t index = 0; index < layer->shape.group_size; index++, edge++) {
            layer->memory.effective[effective_index(layer, group, index)] = effective_of(layer, edge, frozen);
        }
    }
}

static void effective_row(const engine_layer *layer, uint32_t input, bool frozen, int8_t *row) {
    const uint32_t outputs = layer->config.out_channels, first = input * outputs;
    for (uint32_t o = 0; o < outputs; o++) {
        row[o] = effective_of(layer, first + o, frozen);
    }
}

static int32_t negligible(uint32_t shift, int32_t largest_weight) {
    return negligible_for_scores(shift, largest_weight);
}

/* Returns the row of a linear layer from edge `first` on. */
static inline engine_score_row row_from(const engine_layer *layer, uint32_t first) {
    return score_row(layer, layer->memory.weights + first, (int8_t *)layer->memory.state + first,
                     layer->memory.effective_kept ? layer->memory.effective + first : NULL);
}

static void update_row(engine_layer *layer, uint32_t input, int32_t x, const engine_sparse_delta *deltas,
                       uint32_t count) {
    const uint32_t first = input * layer->config.out_channels;
    const engine_score_row row = row_from(layer, first);
    layer->kernels->update_scores(&row, x, deltas, count);
}

static bool update_rows(engine_layer *layer, int32_t smallest, const engine_sparse_delta *deltas, uint32_t count) {
    if (layer->kernels->update_score_rows == NULL) {
        return false;
    }
    const engine_score_row first = row_from(layer, 0);
    return layer->kernels->update_score_rows(layer, &first, smallest, deltas, count);
}

static bool updates_listed(const engine_layer *layer) {
    return layer->kernels->update_score_rows != NULL;
}

static void update_channel(engine_layer *layer, uint32_t channel, const int32_t *gradient) {
    const uint32_t first = channel * layer->shape.fan_in;
    const engine_score_row row = score_row(layer, layer->memory.weights + first, (int8_t *)layer->memory.state + first,
                                           layer->memory.effective + effective_index(layer, channel, 0));
    if (layer->kernels->update_channel_scores(&row, gradient, layer->shape.fan_in, layer->config.out_channels)) {
        mark_changed(layer, channel);
    }
}

const engine_method_operations engine_method_priot = {
    .frozen_weights = true,
    .trains_scores = true,
    .layer_bytes = layer_bytes,
    .set = set,
    .get = get,
    .refresh = refresh,
    .effective_row = effective_row,
    .negligible = negligible,
    .update_row = update_row,
    .update_rows = update_rows,
    .updates_listed = updates_listed,
    .update_channel = update_channel,
};
