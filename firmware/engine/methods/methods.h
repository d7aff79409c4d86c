/* This file declares the training methods, one file each. */
#ifndef PRIOT_ENGINE_METHODS_H
#define PRIOT_ENGINE_METHODS_H

#include "../arithmetic.h"
#include "../layer.h"

extern const engine_method_operations engine_method_priot;
extern const engine_method_operations engine_method_priot_s;
extern const engine_method_operations engine_method_niti_static;
extern const engine_method_operations engine_method_niti_dynamic;

/* Returns the effective weight of an edge with a score (docs/arithmetic.md, "Effective weight"). */
static inline int8_t effective_weight(const engine_layer *layer, int8_t weight, int8_t score) {
    if (score >= layer->shape.threshold) {
        return weight;
    }
    return layer->config.below_threshold == ENGINE_BELOW_NEGATE ? (int8_t)-weight : 0;
}

/* Returns S after its update from gradient * weight, C(S - C(R(G * W))) (docs/arithmetic.md, "Backward"); `half` is
 * rounding_half(shift). Branches first on what is most likely: no change, and no clamp. */
static inline int8_t updated_score(int8_t score, int32_t gradient, int8_t weight, int32_t half, uint32_t shift) {
    const int32_t step = (gradient * weight + half) >> shift;
    return step == 0 ? score : clamp_int8(score - clamp_int8(step));
}

/* Returns the largest |gradient| that changes no score: R(v, s) is 0 for -half <= v < half. */
static inline int32_t negligible_for_scores(uint32_t score_shift, int32_t largest_weight) {
    return score_shift == 0 ? 0 : ((int32_t)(1u << (score_shift - 1)) - 1) / largest_weight;
}

/* Makes a row of scores (kernels.h, update_scores and update_channel_scores). */
static inline engine_score_row score_row(const engine_layer *layer, const int8_t *weights, int8_t *scores,
                                         int8_t *effective) {
    return (engine_score_row){
        .weights = weights,
        .scores = scores,
        .effective = effective,
        .half = rounding_half(layer->step.update_shift),
        .shift = layer->step.update_shift,
        .threshold = layer->shape.threshold,
        .negligible = layer->step.negligible,
        .below_factor = layer->config.below_threshold == ENGINE_BELOW_NEGATE ? -1 : 0,
    };
}

/* Returns where the effective weight of an edge lies. */
static inline uint32_t effective_index(const engine_layer *layer, uint32_t group, uint32_t index) {
    return group * layer->shape.group_pitch + index * layer->shape.edge_pitch;
}

/* Tells whether effective weights lie in the order of the frozen ones. */
static inline bool same_order(const engine_layer *layer) {
    return layer->shape.edge_pitch == 1;
}

static inline void mark_changed(engine_layer *layer, uint32_t channel) {
    layer->step.changed_channels |= 1u << channel % 32;
}

#endif
