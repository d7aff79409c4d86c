/* This file declares what a layer can do: the third table beside the methods and the kernels. */
#ifndef PRIOT_ENGINE_OPERATIONS_H
#define PRIOT_ENGINE_OPERATIONS_H

#include "../kernels/kernels.h"
#include "../refusal.h"

/* The largest magnitudes that sums can reach, from the shapes alone: inputs, deltas and weights of any sign up to 127
 * (docs/arithmetic.md, "Overflow"). */
typedef struct {
    uint64_t accumulator; /* without a bias */
    uint64_t error;
    uint64_t gradient; /* G */
} engine_bounds;

/* Elements of the buffers that layers take turns in. */
typedef struct {
    uint32_t sums;            /* int32 */
    uint32_t channel_weights; /* int8 */
    uint32_t deltas;          /* engine_sparse_delta */
    uint32_t row;             /* int8 */
    uint32_t second_sums;     /* int32, of the second core; 0: it does not help */
} engine_scratch;

/* One layer's share of a step. One file each here; the table is in operations.c. */
typedef struct engine_operation {
    bool learns;      /* it may have edges, biases, ReLU; else nothing but its two shifts */
    bool keeps_rows;  /* effective weights need not be kept: they are masked row by row */
    bool reads_a_map; /* its input has the shape of the output below, not only as many elements */
    /* Fills the shape but for what check.c does for all: counts, and what the layer below says. */
    engine_status (*check)(const engine_checker *check, engine_layer *layer);
    engine_bounds (*bounds)(const engine_layer *layer);
    engine_scratch (*scratch)(const engine_layer *layer, bool dynamic_shifts);
    /* Tells whether rows of weights can be read from flash, one by one, each time they are needed. NULL: they are kept,
     * or masked row by row anyway. */
    bool (*streams)(const engine_layer *layer);
    /* Fills what the shape says of groups of edges, which depends on the plan. NULL: `check` has done so. */
    void (*group_edges)(engine_layer *layer);
    /* Returns the edge index of an edge in canonical order, both from 0 in the layer. */
    uint32_t (*edge_index)(const engine_layer *layer, uint32_t canonical);
    /* Makes all accumulators of a layer, biases included: acc[conv_height][conv_width][out_channels]. */
    void (*accumulate)(const engine *self, const engine_layer *layer, bool frozen, int32_t *acc);
    /* Makes all error accumulators: error[in_count]. */
    void (*errors)(const engine *self, const engine_layer *layer, int32_t *error);
    /* Makes the gradients of all groups of edges, one after another in sink->gradient, and hands each on, or none that
     * is all zero. NULL: there are no edges. */
    void (*gradients)(engine_layer *layer, const engine_gradient_sink *sink);
    /* Fills the output of layer l, or the logits, with static shifts. */
    void (*forward)(engine *self, uint32_t l, bool frozen);
    /* Fills the delta of the layer below (NULL: none is wanted), then updates the layer. */
    void (*backward)(engine *self, uint32_t l, int8_t *below);
} engine_operation;

extern const engine_operation *const engine_operations[ENGINE_OPERATION_COUNT];

extern const engine_operation engine_operation_conv2d;
extern const engine_operation engine_operation_linear;
extern const engine_operation engine_operation_sum_pool;

#endif
