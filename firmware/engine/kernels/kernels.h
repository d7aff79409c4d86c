/* The loops where the cycles go, as a table that faster ones replace one by one. All are exact: int32 accumulators, any
 * order. They skip zero inputs and zero deltas. Every kernel set has the same signatures; plain.c is the reference. */
#ifndef PRIOT_ENGINE_KERNELS_H
#define PRIOT_ENGINE_KERNELS_H

#include "../engine_internal.h"

typedef struct engine_kernel_table {
    bool dense; /* zeros are not skipped, here nor in the linear layers' loops */
    /* Bytes the kernels keep for a layer from its forward pass to its update, and scratch. Both may be NULL: none. */
    uint32_t (*memory_bytes)(const engine_layer *layer);
    uint32_t (*scratch_bytes)(const engine_layer *layer);
    /* A layer's input is complete and its effective weights are what they will be for this step. May be NULL. */
    void (*prepare)(engine_layer *layer);
    /* Accumulator rows [first_row, first_row + rows) of a convolution: acc[rows][conv_width][out_channels]. */
    void (*convolution)(const engine_layer *layer, uint32_t first_row, uint32_t rows, int32_t *acc);
    /* One output row of a convolution with static shifts: accumulators, pool, ReLU and requantisation at once. Asked
     * for the rows in turn, from 0; it may be ahead. `acc`: scratch, as for the two that may take its place where it is
     * NULL: convolution and requantise_row. */
    void (*convolution_row)(const engine_layer *layer, uint32_t out_row, int32_t *acc);
    /* acc[i] += x * row[i] for i < count. */
    void (*add_scaled_row)(int32_t *restrict acc, const int8_t *restrict row, int32_t x, uint32_t count);
    /* Accumulators of a linear layer whose effective weights are kept: acc[out_channels]. False: nothing was done, it
     * must go row by row. May be NULL. */
    bool (*linear)(const engine_layer *layer, int32_t *acc);
    /* Pools (when the layer does), ReLU, requantises: acc rows -> one output row (and its pool positions). */
    void (*requantise_row)(const engine_layer *layer, const int32_t *acc, uint32_t out_row);
    /* Sum of delta * row[output] over the non-zero deltas. */
    int32_t (*sparse_dot)(const int8_t *row, const engine_sparse_delta *deltas, uint32_t count);
    /* Error accumulators of a convolution: error[in_count], zeroed here. channel_weights: scratch[fan_in]. */
    void (*convolution_error)(const engine_layer *layer, int32_t *error, int8_t *channel_weights);
    /* The deltas of the layer below straight from this layer's, with static shifts; of a linear layer only where its
     * effective weights are kept, and false if nothing was done. Each may be NULL: by way of the error accumulators.
     * `error`: scratch[in_count]. */
    void (*convolution_below)(const engine_layer *layer, int32_t *error, int8_t *channel_weights, int8_t *below);
    bool (*linear_below)(const engine_layer *layer, const engine_sparse_delta *deltas, uint32_t count, int8_t *below);
    /* Called before the gradients of a layer's channels. May be NULL. */
    void (*prepare_gradients)(const engine_layer *layer);
    /* Gradient of one output channel, the next after the one before, from 0: gradient[fan_in], zeroed here. */
    void (*convolution_gradient)(const engine_layer *layer, uint32_t channel, int32_t *gradient);
    /* Updates the scores of one input x != 0 from the non-zero deltas, and the effective weights that cross. */
    void (*update_scores)(const engine_score_row *row, int32_t x, const engine_sparse_delta *deltas, uint32_t count);
    /* update_scores for all inputs of a linear layer whose magnitude is at least `smallest`; `first` is the row of
     * input 0. False: nothing was done, it must go row by row. May be NULL. */
    bool (*update_score_rows)(const engine_layer *layer, const engine_score_row *first, int32_t smallest,
                              const engine_sparse_delta *deltas, uint32_t count);
    /* Updates `count` scores from a gradient each, and the effective weights that cross, `pitch` bytes apart. True: one
     * crossed. */
    bool (*update_channel_scores)(const engine_score_row *row, const int32_t *gradient, uint32_t count, uint32_t pitch);
    /* The like of the two before where only some edges have scores: of all inputs of a linear layer, false if nothing
     * was done; of one channel, true if a score crossed. Both may be NULL. */
    bool (*update_scored_rows)(const engine_layer *layer, const engine_scored_groups *groups, int32_t smallest);
    bool (*update_scored_channel)(const engine_scored_groups *groups, uint32_t channel, const int32_t *gradient);
} engine_kernel_table;

/* The plain ones, for the tables of faster kernels. */
void engine_update_scores(const engine_score_row *row, int32_t x, const engine_sparse_delta *deltas, uint32_t count);
bool engine_update_channel_scores(const engine_score_row *row, const int32_t *gradient, uint32_t count, uint32_t pitch);

extern const engine_kernel_table engine_kernels_plain;
extern const engine_kernel_table engine_kernels_dense;
extern const engine_kernel_table engine_kernels_m0plus;
extern const engine_kernel_table engine_kernels_simd; /* wasm/simd.c: where WebAssembly has SIMD */

#endif
