/* Kernels for the Cortex-M0+. A layer of a shape they are not made for, or without memory of its own, is left to the
 * plain kernels. */
#include "../../arithmetic.h"
#include "../plain.h"
#include "backward.h"
#include "forward.h"
#include "prepare.h"
#include "streamed.h"

/* Whether no step of a linear layer's scores, R(d * x * W), is beyond -127..127. */
static bool steps_fit(const engine_layer *layer) {
    const int32_t largest = INT8_LIMIT * INT8_LIMIT * layer->step.largest_weight;
    return round_shift(largest, layer->step.update_shift) <= INT8_LIMIT;
}

static bool PRIOT_HOT update_score_rows(const engine_layer *layer, const engine_score_row *first, int32_t smallest,
                                        const engine_sparse_delta *deltas, uint32_t count) {
    const layer_memory *memory = m0plus_memory(layer);
    if (memory == NULL) {
        return false;
    }
    const m0plus_score_rows rows = {
        .first = *first,
        .outputs = layer->config.out_channels,
        .smallest = smallest,
        .inputs = memory->inputs,
        .inputs_end = memory->inputs + memory->input_count,
        .deltas = deltas,
        .deltas_end = deltas + count,
        .steps_fit = steps_fit(layer),
    };
    m0plus_update_score_rows(&rows);
    return true;
}

static bool PRIOT_HOT update_scored_rows(const engine_layer *layer, const engine_scored_groups *groups,
                                         int32_t smallest) {
    const layer_memory *memory = m0plus_memory(layer);
    if (memory == NULL) {
        return false;
    }
    if (smallest > INT8_LIMIT) {
        return true;
    }
    int32_t *const factors = m0plus_scratch_of(layer)->factors.factor;
    for (uint32_t o = 0; o < layer->config.out_channels; o++) {
        factors[o] = layer->memory.delta[o];
    }
    const m0plus_scored_groups scored = {
        .groups = *groups,
        .factors = factors,
        .smallest_squared = (uint32_t)(smallest * smallest),
        .inputs = memory->inputs,
        .inputs_end = memory->inputs + memory->input_count,
    };
    m0plus_update_scored_groups(&scored);
    return true;
}

static bool PRIOT_HOT update_scored_channel(const engine_scored_groups *groups, uint32_t channel,
                                            const int32_t *gradient) {
    const sparse_element input = sparse_pack(channel, 1);
    const m0plus_scored_groups scored = {
        .groups = *groups,
        .factors = gradient,
        .inputs = &input,
        .inputs_end = &input + 1,
    };
    return m0plus_update_scored_groups(&scored);
}

static void errors(const engine_layer *layer, int32_t *error, int8_t *channel_weights) {
    engine_plain_convolution.errors(layer, error, channel_weights);
}

static const engine_window_kernels convolution = {
    .accumulate = m0plus_accumulate,
    .rows = m0plus_output_rows,
    .halves_rows = m0plus_halves_rows,
    .half_row = m0plus_windows_half_row,
    .errors = errors,
    .below = m0plus_below,
    .gradients = m0plus_gradients,
};

static const engine_streamed_kernels streamed = {
    .forward = m0plus_streamed_forward,
    .below = m0plus_streamed_below,
    .update = m0plus_streamed_update,
};

const engine_kernel_table engine_kernels_m0plus = {
    .memory_bytes = m0plus_memory_bytes,
    .scratch_bytes = m0plus_scratch_bytes,
    .weights_done = m0plus_streamed_weights_done,
    .prepare = m0plus_prepare,
    .prepare_weights = m0plus_prepare_weights,
    .prepare_twin = m0plus_prepare_twin,
    .below_reads_copies = m0plus_below_reads_copies,
    .halve = m0plus_halve,
    .convolution = &convolution,
    .depthwise = &engine_plain_depthwise,
    .streamed = &streamed,
    .requantise = engine_requantise,
    .add_scaled_row = engine_add_scaled_row,
    .sparse_dot = engine_sparse_dot,
    .linear = m0plus_linear,
    .linear_below = m0plus_linear_below,
    .update_scores = engine_update_scores,
    .update_score_rows = update_score_rows,
    .update_channel_scores = m0plus_update_channel_scores,
    .update_scored_rows = update_scored_rows,
    .update_scored_channel = update_scored_channel,
};
