/* Kernels for the Cortex-M0+. A layer of a shape they are not made for, or without memory of its own, is left to the
 * plain kernels. */
#include "../../arithmetic.h"
#include "layer_memory.h"

static void add_scaled_row(int32_t *restrict acc, const int8_t *restrict row, int32_t x, uint32_t count) {
    engine_kernels_plain.add_scaled_row(acc, row, x, count);
}

static void requantise_row(const engine_layer *layer, const int32_t *acc, uint32_t out_row) {
    engine_kernels_plain.requantise_row(layer, acc, out_row);
}

static int32_t sparse_dot(const int8_t *row, const engine_sparse_delta *deltas, uint32_t count) {
    return engine_kernels_plain.sparse_dot(row, deltas, count);
}

static void convolution_error(const engine_layer *layer, int32_t *error, int8_t *channel_weights) {
    engine_kernels_plain.convolution_error(layer, error, channel_weights);
}

/* Whether no step of a linear layer's scores, R(d * x * W), is beyond -127..127. */
static bool steps_fit(const engine_layer *layer) {
    const int32_t largest = INT8_LIMIT * INT8_LIMIT * layer->largest_weight;
    return round_shift(largest, layer->update_shift) <= INT8_LIMIT;
}

static bool PRIOT_HOT update_score_rows(const engine_layer *layer, const engine_score_row *first, int32_t smallest,
                                        const engine_sparse_delta *deltas, uint32_t count) {
    const layer_memory *memory = layer->kernel_memory;
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
    const layer_memory *memory = layer->kernel_memory;
    if (memory == NULL) {
        return false;
    }
    if (smallest > INT8_LIMIT) {
        return true;
    }
    int32_t *const factors = layer->kernel_scratch;
    for (uint32_t o = 0; o < layer->config.out_channels; o++) {
        factors[o] = layer->delta[o];
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

const engine_kernel_table engine_kernels_m0plus = {
    .memory_bytes = m0plus_memory_bytes,
    .scratch_bytes = m0plus_scratch_bytes,
    .prepare = m0plus_prepare,
    .convolution = m0plus_convolution,
    .linear = m0plus_linear,
    .add_scaled_row = add_scaled_row,
    .convolution_row = m0plus_convolution_row,
    .requantise_row = requantise_row,
    .sparse_dot = sparse_dot,
    .convolution_error = convolution_error,
    .convolution_below = m0plus_convolution_below,
    .linear_below = m0plus_linear_below,
    .prepare_gradients = m0plus_prepare_gradients,
    .convolution_gradient = m0plus_convolution_gradient,
    .update_scores = engine_update_scores,
    .update_score_rows = update_score_rows,
    .update_channel_scores = m0plus_update_channel_scores,
    .update_scored_rows = update_scored_rows,
    .update_scored_channel = update_scored_channel,
};
