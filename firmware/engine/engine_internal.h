/* What the engine's files share. Layouts:
 *   map            HWC
 *   frozen weights convolution: canonical OHWI; linear: [in][out], so that an input's row is contiguous
 *   effective      convolution: HWIO, so that a tap's outputs are contiguous; linear: [in][out]
 * An "edge index" here is in the order of the frozen weights; engine_edge_index maps the canonical order to it. */
#ifndef PRIOT_ENGINE_INTERNAL_H
#define PRIOT_ENGINE_INTERNAL_H

#include "engine.h"

#ifndef PRIOT_HOT
#define PRIOT_HOT /* a place may put hot functions into fast memory */
#endif

struct engine_kernel_table;

typedef struct {
    engine_layer_config config;
    uint32_t conv_height, conv_width; /* of the accumulator map */
    uint32_t out_height, out_width;   /* after the pool; linear: 1 */
    uint32_t in_count, out_count;     /* elements */
    uint32_t fan_in;                  /* weights of one output channel */
    uint32_t edges, first_edge;
    bool below_has_relu; /* the layer below; false in the first layer */
    bool effective_kept, weights_in_flash;
    int8_t threshold;
    int32_t largest_weight; /* no |effective weight| exceeds it, however the layer learns; > 0 */

    const int8_t *weights; /* frozen; NULL when the method keeps none, or until they are in flash */
    int8_t *weights_sram;  /* the same when they live in SRAM; else where they wait for flash */
    int8_t *effective;     /* NULL when masked on the fly */
    void *index, *state;   /* the method's */
    int8_t *row;           /* scratch: one effective row, when masked on the fly */
    const struct engine_kernel_table *kernels;
    uint32_t changed_channels; /* output channels whose effective weights changed since the kernels last looked, which
                                * may keep copies: bit channel % 32 */
    void *kernel_memory;       /* the kernels' own, of this layer; NULL: there is none, or no room */
    void *kernel_scratch;      /* the kernels' own, shared by all layers */

    const int8_t *input; /* 0..127 or -127..127 */
    int8_t *output;      /* NULL in the last layer */
    uint8_t *positions;  /* of the maximum in its pool window, 0..3 */
    int8_t *delta;

    uint32_t activation_shift, error_shift, update_shift; /* of this step: constant but for niti-dynamic */
    int32_t negligible;                                   /* |gradient| up to this changes no edge */
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

/* Scores of some edges, as sorted entries in groups: of one input of a linear layer, or of one output channel. */
typedef struct {
    engine_score_row row;             /* weights and scores by entry; effective: of group 0, edge 0 */
    const uint16_t *starts;           /* the first entry of each group, and the end of the last */
    const uint8_t *indices;           /* of each entry: the edge in its group */
    uint32_t group_pitch, edge_pitch; /* bytes from one effective weight to the next group's or edge's */
} engine_scored_groups;

/* Bytes that a method keeps for a layer. `weights`: frozen, beside the effective ones, in SRAM or flash. `index`: of
 * its scored edges; written before the weights, all else after they are complete when they go to flash. */
typedef struct {
    uint32_t weights, effective, index, state;
} engine_layer_bytes;

/* What a training method is: what it keeps, what an edge's effective weight is, and how it updates. One file each in
 * methods/; the table is in methods/methods.c. */
typedef struct {
    bool dynamic_shifts; /* shifts are computed from each image's tensors */
    bool trains_weights; /* they are the learned state */
    bool frozen_weights; /* keeps W beside the effective weights; may live in flash */
    engine_layer_bytes (*layer_bytes)(const engine_layer *layer);
    /* Sets pointers inside layer->index and layer->state, once they are allocated. May be NULL. */
    void (*place)(engine_layer *layer);
    /* One element, by edge index. Values are checked. `set` of the state may run before all weights are known. */
    void (*set)(engine_layer *layer, engine_tensor tensor, uint32_t edge, int8_t value);
    int8_t (*get)(const engine_layer *layer, engine_tensor tensor, uint32_t edge);
    /* All scored flags of the layer are known. May be NULL. False: not as many as planned. */
    bool (*scored_done)(engine_layer *layer);
    /* All weights of a layer are known. May be NULL. */
    void (*weights_done)(engine_layer *layer);
    /* Rebuilds the kept effective weights of a layer; frozen: all edges kept. */
    void (*refresh)(engine_layer *layer, bool frozen);
    /* Linear layers masked on the fly: the effective row of one input, out_channels long. NULL: always kept, and no
     * weights in flash. */
    void (*effective_row)(const engine_layer *layer, uint32_t input, bool frozen, int8_t *row);
    /* The largest |gradient| that changes no edge whose |weight| is at most `largest_weight`, at this update shift. */
    int32_t (*negligible)(uint32_t update_shift, int32_t largest_weight);
    /* Updates the edges of one input x != 0 of a linear layer; deltas are the non-zero ones, ascending. */
    void (*update_row)(engine_layer *layer, uint32_t input, int32_t x, const engine_sparse_delta *deltas,
                       uint32_t count);
    /* update_row for all inputs whose magnitude is at least `smallest`. False: nothing was done, it must go row by row.
     * May be NULL. */
    bool (*update_rows)(engine_layer *layer, int32_t smallest, const engine_sparse_delta *deltas, uint32_t count);
    /* Updates the edges of one output channel from its gradient[fan_in]. */
    void (*update_channel)(engine_layer *layer, uint32_t channel, const int32_t *gradient);
} engine_method_operations;

extern const engine_method_operations *const engine_methods[ENGINE_METHOD_COUNT];

struct engine {
    bool open;
    bool effective_frozen; /* the kept effective weights are those of the frozen network */
    bool effective_stale;
    int32_t input_exponent;
    uint32_t loss_shift, mu; /* mu: niti-dynamic */
    engine_memory_plan plan;
    const engine_method_operations *method;
    const struct engine_kernel_table *kernels;
    uint32_t layer_count, edge_count;
    engine_layer layers[ENGINE_MAX_LAYERS];
    int32_t *scratch; /* accumulators, error accumulators, gradients: never two at a time */
    int8_t *channel_weights;
    int8_t *staged; /* weights on their way to flash; NULL: none, or they are there */
    engine_sparse_delta *sparse;
    int32_t logits[ENGINE_MAX_OUTPUTS];
    bool loss_zero;
    uint32_t ledger[ENGINE_MAX_LAYERS][ENGINE_PHASE_COUNT];
    uint32_t mark; /* up to where cycles are booked */
};

/* Books the cycles since the last booking. */
static inline void engine_book(engine *self, uint32_t layer, engine_phase phase) {
    const uint32_t now = engine_cycles();
    self->ledger[layer][phase] += now - self->mark;
    self->mark = now;
}

/* forward.c: fills every layer's output and the logits. */
void engine_forward(engine *self, const uint8_t *image, bool frozen);
uint32_t engine_prediction(const engine *self);
/* loss.c: the last layer's delta; false when it is all zero. */
bool engine_loss_gradient(engine *self, uint32_t label);
/* Where the layer below has ReLU, only positive inputs have an error. */
static inline bool engine_has_error(const engine_layer *layer, uint32_t input) {
    return !layer->below_has_relu || layer->input[input] > 0;
}

/* Deltas of the layer below from its error accumulators, both in_count long. */
void engine_requantise_errors(const engine_layer *layer, const int32_t *errors, int8_t *below);
/* backward.c: the non-zero deltas of a linear layer, ascending; their number. */
uint32_t engine_list_deltas(const engine_layer *layer, engine_sparse_delta *list);
/* Errors and updates, last layer to first. */
void engine_backward(engine *self);
/* tensors.c */
uint32_t engine_edge_index(const engine_layer *layer, uint32_t canonical);
void engine_refresh(engine *self, bool frozen);
/* network.c: checks shapes and sizes of all layers and derives the rest, the bytes of scratch among it. */
engine_status engine_check_network(engine *self, const engine_config *config, engine_fault *fault);

#endif
