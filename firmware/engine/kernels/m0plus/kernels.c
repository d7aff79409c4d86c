/* Kernels for the Cortex-M0+. A layer of a shape they are not made for, or without memory of its own, is left to the
 * plain kernels. */
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

static void update_scores(const engine_score_row *row, int32_t x, const engine_sparse_delta *deltas, uint32_t count) {
    m0plus_update_scores(row, x, deltas, deltas + count);
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
    .convolution_gradient = m0plus_convolution_gradient,
    .update_scores = update_scores,
};
