/* This file declares what the engine's files share: a layer in its parts, and the engine. Layouts:
 *   map             HWC
 *   frozen weights  convolution: canonical, OHWI (depthwise: CHW), but HWIO where it is streamed; linear: [in][out],
 *                   so that an input's row is contiguous
 *   effective       convolution: HWIO, so that a tap's outputs are contiguous (depthwise: HWC); linear: [in][out]
 * An "edge index" here is in the order of the frozen weights; the operation's edge_index maps the canonical order to
 * it. Edges lie in groups: all of an output channel in a convolution; all of an input in a linear layer, or of a tap
 * and an input channel in a streamed convolution: its rows. */
#ifndef PRIOT_ENGINE_LAYER_H
#define PRIOT_ENGINE_LAYER_H

#include "engine.h"

#ifndef PRIOT_HOT
#define PRIOT_HOT /* a place may put hot functions into fast memory */
#endif

struct engine_kernel_table;
struct engine_operation;

/* What follows from what is asked: constant once the layer is checked. Counts are of elements. */
typedef struct {
    uint32_t conv_height, conv_width; /* of the accumulator map; linear, sum_pool: 1 */
    uint32_t out_height, out_width;   /* after the pool */
    uint32_t in_count, out_count;
    uint32_t fan_in; /* weights of one output channel */
    uint32_t edges, first_edge;
    uint32_t groups, group_size;      /* of edges; of a convolution as the plan has it */
    uint32_t group_pitch, edge_pitch; /* bytes from one effective weight to the next group's or edge's */
    uint32_t first_bias;              /* of the network's; a layer with biases has out_channels of them */
    bool is_first;
    bool below_has_relu;  /* the layer below; false in the first layer */
    bool unsigned_inputs; /* 0..127: of an image, or of a layer with ReLU */
    int8_t threshold;
} engine_layer_shape;

/* Where a layer's arrays lie: the plan's choices, and pointers that stay until the network is closed. */
typedef struct {
    bool effective_kept, weights_in_flash;
    bool streamed;         /* a convolution whose rows of weights are read from flash, and masked on the fly */
    const int8_t *weights; /* frozen; NULL when the method keeps none, or until they are in flash */
    int8_t *weights_sram;  /* the same when they live in SRAM; else where they wait for flash */
    int8_t *effective;     /* NULL when masked on the fly */
    uint8_t *flags;        /* the method's, on their way; where weights wait for flash */
    void *index, *state;   /* the method's */
    int16_t *biases;       /* as written; NULL: the layer has none */
    int8_t *row;           /* scratch: one effective row, when masked on the fly */
    int8_t *output;        /* NULL in the last layer */
    uint8_t *positions;    /* of the maximum in its pool window, 0..3 */
    int8_t *delta;
    void *kernel_memory;  /* the kernels' own, of this layer; NULL: there is none, or no room */
    void *kernel_scratch; /* the kernels' own, shared by all layers */
    void *reader_memory; /* kernel_memory of the layer above, which reads this one's output; NULL: none. In this layer's
                          * backward pass the one above is done, and lists of its input may be reused. */
} engine_layer_memory;

/* What changes from step to step. */
typedef struct {
    const int8_t *input;   /* 0..127 or -127..127 */
    const int32_t *biases; /* at the accumulators' scale; NULL: there are none. Forward pass only */
    uint32_t activation_shift, error_shift, update_shift; /* constant but for niti-dynamic */
    int32_t negligible;                                   /* |gradient| up to this changes no edge */
    int32_t largest_weight;    /* no |effective weight| exceeds it, however the layer learns; > 0 */
    uint32_t changed_channels; /* output channels whose effective weights changed since the kernels last looked, which
                                * may keep copies: bit channel % 32 */
} engine_layer_step;

typedef struct {
    engine_layer_memory memory;
    engine_layer_step step;
    engine_layer_shape shape;
    engine_layer_config config; /* as asked */
    const struct engine_operation *operation;
    const struct engine_kernel_table *kernels;
} engine_layer;

/* A non-zero delta of a linear layer. */
typedef struct {
    uint32_t output;
    int32_t delta;
} engine_sparse_delta;

/* One input's row of a linear layer with scores. */
typedef struct {
    const int8_t *weights;
    int8_t *scores;
    int8_t *effective; /* NULL: masked on the fly */
    int32_t half;      /* what R adds before shifting */
    uint32_t shift;    /* of the scores */
    int32_t threshold;
    int32_t negligible;   /* |gradient| up to this changes no score */
    int32_t below_factor; /* of the weight below the threshold: 0 or -1 */
} engine_score_row;

/* The number of a scored edge in its layer. */
#if ENGINE_MAX_SCORED_EDGES > UINT16_MAX
typedef uint32_t engine_entry;
#else
typedef uint16_t engine_entry;
#endif

/* Scores of some edges, as sorted entries in groups. */
typedef struct {
    engine_score_row row;             /* weights and scores by entry; effective: of group 0, edge 0 */
    const engine_entry *starts;       /* the first entry of each group, and the end of the last */
    const uint8_t *indices;           /* of each entry: the edge in its group */
    uint32_t group_pitch, edge_pitch; /* as in engine_layer_shape */
} engine_scored_groups;

/* Makes one effective row of a layer, out_channels long; frozen: all edges kept. */
typedef void (*engine_row_reader)(const engine_layer *layer, uint32_t row_index, bool frozen, int8_t *row);

/* Bytes that a method keeps for a layer. `weights`: frozen, beside the effective ones, in SRAM or flash. `index`: of
 * its scored edges; written before the weights, all else after they are complete when they go to flash. `flags`: which
 * edges those are, where they wait for the index in the place of weights on their way to flash. */
typedef struct {
    uint32_t weights, effective, index, state, flags;
} engine_layer_bytes;

/* What a training method is: what it keeps, what an edge's effective weight is, and how it updates. One file each in
 * methods/; the table is in methods/methods.c. */
typedef struct {
    bool dynamic_shifts;       /* shifts are computed from each image's tensors */
    bool trains_weights;       /* they are the learned state */
    bool frozen_weights;       /* keeps W beside the effective weights; may live in flash */
    bool trains_scores;        /* the score gradient is G * W */
    uint32_t max_scored_edges; /* of a layer, where scored_edges means something; else 0. The learned state, as it
                                * travels, is then that of the scored edges alone */
    engine_layer_bytes (*layer_bytes)(const engine_layer *layer);
    /* Sets pointers inside memory.index and memory.state, once they are allocated. May be NULL. */
    void (*set_pointers)(engine_layer *layer);
    /* Writes one element, by edge index. Values are checked. `set` of the state may run before all weights are known.
     */
    void (*set)(engine_layer *layer, engine_tensor tensor, uint32_t edge, int8_t value);
    int8_t (*get)(const engine_layer *layer, engine_tensor tensor, uint32_t edge);
    /* All scored flags of the layer are known. May be NULL. False: not as many as planned. */
    bool (*scored_done)(engine_layer *layer);
    /* All weights of a layer are known. May be NULL. */
    void (*weights_done)(engine_layer *layer);
    /* Rebuilds the kept effective weights of a layer; frozen: all edges kept. */
    void (*refresh)(engine_layer *layer, bool frozen);
    /* Makes one effective row, out_channels long, of a layer masked on the fly. NULL: effective weights are always
     * kept, and no weights go to flash. */
    engine_row_reader effective_row;
    /* Returns the scored edges of a layer masked on the fly, weights by edge. NULL: no convolution is streamed. */
    engine_scored_groups (*scored_rows)(const engine_layer *layer);
    /* Returns the largest |gradient| that changes no edge whose |weight| is at most `largest_weight`, at this update
     * shift. */
    int32_t (*negligible)(uint32_t update_shift, int32_t largest_weight);
    /* Updates the edges of one input x != 0 of a linear layer; deltas are the non-zero ones, ascending. */
    void (*update_row)(engine_layer *layer, uint32_t input, int32_t x, const engine_sparse_delta *deltas,
                       uint32_t count);
    /* Does update_row for all inputs whose magnitude is at least `smallest`. False: nothing was done, it must go row by
     * row. May be NULL. */
    bool (*update_rows)(engine_layer *layer, int32_t smallest, const engine_sparse_delta *deltas, uint32_t count);
    /* Tells whether update_rows touches the edges of those inputs alone that the kernels have listed, so that a layer
     * in halves (kernels.h) can be updated. NULL: it does not. */
    bool (*updates_listed)(const engine_layer *layer);
    /* Updates the edges of one output channel from its gradient[fan_in]. */
    void (*update_channel)(engine_layer *layer, uint32_t channel, const int32_t *gradient);
} engine_method_operations;

extern const engine_method_operations *const engine_methods[ENGINE_METHOD_COUNT];

#define ENGINE_SECOND_STACK_BYTES 2048u                    /* of the second core */
#define ENGINE_VIEW_BYTES (16u * (uint32_t)sizeof(void *)) /* of what kernels say of half of a layer */

/* The second core's own memory; all NULL with one core. */
typedef struct {
    void *stack;
    void *kernel_scratch; /* as large as the first core's */
    int32_t *sums;        /* engine_scratch.second_sums */
    void *views[2];       /* ENGINE_VIEW_BYTES each: for halves of a layer, the first core's and the second's */
} engine_second_memory;

/* A place in the learned state as it travels. */
typedef struct {
    uint32_t element, edge; /* the edge that the search for the element begins at, in canonical order */
} engine_state_cursor;

struct engine {
    bool open;
    bool effective_frozen; /* the kept effective weights are those of the frozen network */
    bool effective_stale;
    bool loss_zero;
    engine_arena arena;
    engine_config config;
    engine_memory_plan plan;
    const engine_method_operations *method;
    const struct engine_kernel_table *kernels;
    uint32_t layer_count, edge_count, bias_count;
    uint32_t state_count; /* elements of the learned state as it travels */
    engine_layer *layers; /* at the start of the arena */
    int32_t *scratch;     /* accumulators, error accumulators, gradients: never two at a time */
    int32_t *biases;      /* of the layer whose forward pass runs */
    int8_t *channel_weights;
    engine_second_memory second;
    engine_flash flash;
    int8_t *staged;             /* the place where a layer's weights wait for flash; NULL: none go there */
    uint32_t staged_bytes;      /* of that place */
    engine_layer *staged_layer; /* whose weights wait; NULL: none */
    engine_state_cursor cursor; /* where the last chunk of the learned state ended */
    engine_sparse_delta *sparse;
    int32_t logits[ENGINE_MAX_OUTPUTS];
    uint32_t ledger[ENGINE_MAX_LAYERS][ENGINE_PHASE_COUNT];
    uint32_t mark;    /* up to where cycles are booked */
    uint32_t waiting; /* cycles of the step for the second core */
};

/* Books the cycles since the last booking. */
static inline void engine_book(engine *self, uint32_t layer, engine_phase phase) {
    const uint32_t now = engine_cycles();
    self->ledger[layer][phase] += now - self->mark;
    self->mark = now;
}

/* Waits for the second core, and books that. */
static inline void engine_wait(engine *self) {
    engine_second_core_wait();
    const uint32_t now = engine_cycles();
    self->waiting += now - self->mark;
    self->mark = now;
}

static inline const engine_layer *engine_last_layer(const engine *self) {
    return &self->layers[self->layer_count - 1];
}

static inline uint32_t engine_accumulator_count(const engine_layer *layer) {
    return layer->shape.conv_height * layer->shape.conv_width * layer->config.out_channels;
}

/* Returns the inputs of one output of a layer with a map, as one row of the kernel sees them. */
static inline uint32_t engine_window_channels(const engine_layer_config *config) {
    return config->depthwise ? 1 : config->in_channels;
}

#endif
