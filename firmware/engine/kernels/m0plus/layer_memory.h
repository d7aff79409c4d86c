/* This file declares what the Cortex-M0+ kernels keep for a layer from its forward pass to its update, and which
 * layers they are made for. */
#ifndef PRIOT_ENGINE_M0PLUS_LAYER_MEMORY_H
#define PRIOT_ENGINE_M0PLUS_LAYER_MEMORY_H

#include "../kernels.h"
#include "../sparse.h"
#include "m0plus.h"
#include "scratch.h"

typedef struct {
    int32_t lane_budget; /* the largest sum of inputs whose products are sure to fit into int16, for every output; not
                            where pixels are read */
    uint32_t input_count;
    sparse_element *inputs; /* the non-zero elements of the input; NULL where they are not listed */
    void *weights;    /* convolutions: the effective ones by group of outputs, as the group's assembly wants them */
    int8_t *by_input; /* convolutions: the effective weights for errors: [c][ky][kx from right to left][o] */
    uint16_t *starts; /* convolutions: of each pixel in the list of inputs */
    /* Of a convolution with biases, those of this image, up to a whole group of outputs, 0 where there is none; NULL:
     * it has none. */
    int32_t *biases;
    uint32_t *bias_lanes;  /* two of them in a word, less 1: what packed lanes begin at */
    int8_t *empty;         /* outputs of a pool on nothing but zeros */
    int32_t packed_budget; /* lane_budget of sums that begin at their biases */
    bool pixel_lanes;      /* where pixels are read: weights are in words of two, for m0plus_pool_rows8_lanes */
} layer_memory;

/* The biases of a layer without any: of as many outputs as are made at once. */
static const int32_t m0plus_no_biases[2 * M0PLUS_GROUP] = {0};

static inline layer_memory *m0plus_memory(const engine_layer *layer) {
    return layer->memory.kernel_memory;
}

static inline m0plus_scratch *m0plus_scratch_of(const engine_layer *layer) {
    return layer->memory.kernel_scratch;
}

/* Lays out what follows layer_memory for a layer. Returns the bytes of both, 0 for a layer that these kernels are not
 * made for. `memory` NULL: no pointer is set. */
uint32_t m0plus_place(const engine_layer *layer, layer_memory *memory);

/* Maps of one channel are read pixel by pixel, from a padded copy: their windows are short. The others from the lists
 * of non-zero inputs, two channels' weights in a word. */
static inline bool m0plus_reads_pixels(const engine_layer *layer) {
    return layer->config.in_channels == 1 && layer->config.kernel <= M0PLUS_MAX_COLUMNS;
}

/* Returns the output channels with those of no weight that fill up the last group. */
static inline uint32_t m0plus_filled_outputs(const engine_layer *layer) {
    return (layer->config.out_channels + M0PLUS_GROUP - 1) / M0PLUS_GROUP * M0PLUS_GROUP;
}

/* Returns the output channels of the group that starts at channel `first`. */
static inline uint32_t m0plus_group_outputs(const engine_layer *layer, uint32_t first) {
    return layer->config.out_channels - first >= 2 * M0PLUS_GROUP && !m0plus_reads_pixels(layer) ? 2 * M0PLUS_GROUP
                                                                                                 : M0PLUS_GROUP;
}

/* Tells whether the layer is one that these kernels are made for. */
bool m0plus_suits(const engine_layer *layer);
/* Tells whether the non-zero inputs are listed. */
bool m0plus_lists_inputs(const engine_layer *layer);
/* Tell whether errors can be gathered for the positive inputs alone; the bytes of the deltas that this needs listed. */
bool m0plus_gathers_errors(const engine_layer *layer);
uint32_t m0plus_map_deltas_bytes(const engine_layer *layer);
/* Tell whether gradients are correlated on a padded copy of the input; the bytes of that copy, a multiple of 8, and of
 * all that this needs. */
bool m0plus_correlates(const engine_layer *layer);
uint32_t m0plus_padded_bytes(const engine_layer *layer);
uint32_t m0plus_correlation_bytes(const engine_layer *layer);

/* Copies the effective weights of the changed channels as the forward pass, and as errors, want them. */
void m0plus_copy_weights(const engine_layer *layer, uint32_t changed);
/* Copies all weights anew, one word each: no lanes. */
void m0plus_widen_weights(const engine_layer *layer);

static inline void m0plus_clear_words(uint32_t *words, uint32_t count) {
    uint32_t *const end = words + count;
    for (; words + 4 <= end; words += 4) {
        words[0] = 0;
        words[1] = 0;
        words[2] = 0;
        words[3] = 0;
    }
    while (words < end) {
        *words++ = 0;
    }
}

#endif
