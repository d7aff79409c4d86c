/* This file declares the loops where the cycles go, as a table that faster ones replace one by one. All are exact:
 * int32 accumulators, any order. They skip zero inputs and zero deltas. Every kernel set has the same signatures;
 * plain.c is the reference. A range [first, end) may be any part of the whole, in any order: no kernel counts on
 * having been asked for another. */
#ifndef PRIOT_ENGINE_KERNELS_H
#define PRIOT_ENGINE_KERNELS_H

#include "../layer.h"

/* Where the gradients of a range of output channels go. */
typedef struct {
    int32_t *gradient; /* of the first channel: fan_in elements */
    uint32_t pitch;    /* elements from a channel's gradient to the next one's; 0: they take turns in one place */
    bool begun;        /* the kernels' scratch is as an earlier call for other channels of this step left it */
    /* Called with each channel's gradient once it is complete. May be NULL. */
    void (*take)(engine_layer *layer, uint32_t channel, const int32_t *gradient);
} engine_gradient_sink;

/* The kernels of convolutions, or of depthwise ones. */
typedef struct {
    /* Makes accumulator rows [first, end), biases included: acc[end - first][conv_width][out_channels]. */
    void (*accumulate)(const engine_layer *layer, uint32_t first, uint32_t end, int32_t *acc);
    /* Makes output rows [first, end) with static shifts: accumulators, pool, ReLU and requantisation at once. `acc`:
     * scratch for the accumulators of one output row. NULL: `accumulate` and `requantise` take its place. */
    void (*rows)(const engine_layer *layer, uint32_t first, uint32_t end, int32_t *acc);
    /* Tells whether half_row can make half an output row, as `rows` makes whole ones: the left of row `half` / 2, or
     * its right when `half` is odd. Both NULL: it cannot. */
    bool (*halves_rows)(const engine_layer *layer);
    void (*half_row)(const engine_layer *layer, uint32_t half);
    /* Makes error accumulators: error[in_count]. channel_weights: scratch[fan_in]. */
    void (*errors)(const engine_layer *layer, int32_t *error, int8_t *channel_weights);
    /* Makes the deltas of the layer below at once, with static shifts. `error`: scratch[in_count]. NULL: by way of
     * `errors`. */
    void (*below)(const engine_layer *layer, int32_t *error, int8_t *channel_weights, int8_t *below);
    /* Makes the gradients of output channels [first, end), and hands each on. */
    void (*gradients)(engine_layer *layer, uint32_t first, uint32_t end, const engine_gradient_sink *sink);
} engine_window_kernels;

/* The rows of weights of a streamed convolution. */
typedef struct {
    engine_row_reader read;
    bool frozen;                 /* as no score says otherwise */
    engine_scored_groups groups; /* a row each, weights by edge */
} engine_streamed_rows;

/* The kernels of convolutions whose rows of weights are read from flash, each time they are needed, with static shifts.
 */
typedef struct {
    /* Fills the layer's output and positions. `acc`: scratch for the accumulators of one output row. */
    void (*forward)(const engine_layer *layer, const engine_streamed_rows *rows, int32_t *acc);
    /* Fills the deltas of the layer below. */
    void (*below)(const engine_layer *layer, const engine_streamed_rows *rows, int8_t *below);
    /* Updates the scores of the edges that have one. */
    void (*update)(const engine_layer *layer, const engine_scored_groups *groups);
} engine_streamed_kernels;

typedef struct engine_kernel_table {
    bool dense; /* zeros are not skipped, here nor in the linear layers' loops */
    /* Return the bytes that the kernels keep for a layer from its forward pass to its update, and of scratch. Both may
     * be NULL: none. */
    uint32_t (*memory_bytes)(const engine_layer *layer);
    uint32_t (*scratch_bytes)(const engine_layer *layer);
    /* All frozen weights of a layer are known, and stay as they are. May be NULL. */
    void (*weights_done)(const engine_layer *layer);
    /* A layer's input is complete and its effective weights are what they will be for this step. May be NULL. */
    void (*prepare)(engine_layer *layer);
    /* Does the part of `prepare` that needs no input, ahead of it. NULL: there is none. */
    void (*prepare_weights)(engine_layer *layer);
    /* A second core's scratch becomes what `prepare` has made of the first one's. `twin`: the second core's copy of the
     * layer. NULL: the scratch holds nothing then. */
    void (*prepare_twin)(const engine_layer *layer, const engine_layer *twin);
    /* Tells whether `below` of a convolution reads copies of the effective weights, so that updates may run meanwhile.
     * NULL: it does not. */
    bool (*below_reads_copies)(const engine_layer *layer);
    /* Makes half[0] and half[1] copies of a linear layer for `linear`, `linear_below`, `update_score_rows` and
     * `update_scored_rows`: each has half of the inputs that are not 0. views: ENGINE_VIEW_BYTES each. False: it cannot
     * be halved. May be NULL. */
    bool (*halve)(const engine_layer *layer, engine_layer *half, void *const views[2]);
    const engine_window_kernels *convolution, *depthwise;
    const engine_streamed_kernels *streamed;
    /* Pools (when the layer does), ReLU, requantises: output rows [first, end) and their pool positions from their
     * accumulator rows, one after another. */
    void (*requantise)(const engine_layer *layer, uint32_t first, uint32_t end, const int32_t *acc);
    /* acc[i] += x * row[i] for i < count. */
    void (*add_scaled_row)(int32_t *restrict acc, const int8_t *restrict row, int32_t x, uint32_t count);
    /* Returns the sum of delta * row[output] over the non-zero deltas. */
    int32_t (*sparse_dot)(const int8_t *row, const engine_sparse_delta *deltas, uint32_t count);
    /* Makes the accumulators of a linear layer whose effective weights are kept, without biases: acc[out_channels].
     * False: nothing was done, it must go row by row. May be NULL. */
    bool (*linear)(const engine_layer *layer, int32_t *acc);
    /* Makes the deltas of the layer below a linear one whose effective weights are kept, with static shifts; those that
     * are not 0, in a `below` of zeros. False: nothing was done. May be NULL. */
    bool (*linear_below)(const engine_layer *layer, const engine_sparse_delta *deltas, uint32_t count, int8_t *below);
    /* Updates the scores of one input x != 0 from the non-zero deltas, and the effective weights that cross. */
    void (*update_scores)(const engine_score_row *row, int32_t x, const engine_sparse_delta *deltas, uint32_t count);
    /* Does update_scores for all inputs of a linear layer whose magnitude is at least `smallest`; `first` is the row of
     * input 0. False: nothing was done, it must go row by row. May be NULL. */
    bool (*update_score_rows)(const engine_layer *layer, const engine_score_row *first, int32_t smallest,
                              const engine_sparse_delta *deltas, uint32_t count);
    /* Updates `count` scores from a gradient each, and the effective weights that cross, `pitch` bytes apart. True: one
     * crossed. */
    bool (*update_channel_scores)(const engine_score_row *row, const int32_t *gradient, uint32_t count, uint32_t pitch);
    /* Update the scores of a layer in which only some edges have one. The first: of all inputs of a linear layer whose
     * magnitude is at least `smallest`; false: nothing was done. The second: of one output channel; true: a score
     * crossed. Both may be NULL. */
    bool (*update_scored_rows)(const engine_layer *layer, const engine_scored_groups *groups, int32_t smallest);
    bool (*update_scored_channel)(const engine_scored_groups *groups, uint32_t channel, const int32_t *gradient);
} engine_kernel_table;

extern const engine_kernel_table engine_kernels_plain;
extern const engine_kernel_table engine_kernels_dense;
extern const engine_kernel_table engine_kernels_m0plus;
extern const engine_kernel_table engine_kernels_simd; /* wasm/simd.c: where WebAssembly has SIMD */

#endif
