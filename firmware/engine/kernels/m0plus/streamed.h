/* This file declares convolutions whose rows of weights are in flash, on the Cortex-M0+. Weights pass through SRAM
 * in blocks of input channels, each row read and patched once a pass: unpacked into words for the forward pass, as
 * they are for errors. Updates read the weights of single edges. */
#ifndef PRIOT_ENGINE_M0PLUS_STREAMED_H
#define PRIOT_ENGINE_M0PLUS_STREAMED_H

#include "../plain.h"
#include "layer_memory.h"

/* Tells whether a streamed layer is one that these kernels are made for; else the plain ones stand in. */
bool m0plus_streams(const engine_layer *layer);

/* Marks the pixels, a bit each, that are not zero in channels [first, first + count); all of them in maps of more than
 * M0PLUS_MASK_PIXELS. */
void m0plus_mark_occupied(const engine_layer *layer, uint32_t first, uint32_t count, uint32_t *occupied);

/* Marks, for each tap, the pixels that it lies on in some window: a row of weights is needed where one of them is not
 * zero in its channel. */
void m0plus_mark_taps(const engine_layer *layer, uint32_t *taps);

/* streamed_block.c: what a layer keeps of its frozen weights, and the hook of kernels.h that makes it. */
uint32_t m0plus_streamed_memory_bytes(const engine_layer *layer);
void m0plus_streamed_weights_done(const engine_layer *layer);

/* streamed_forward.c, streamed_backward.c: the scratch of each pass, and the hooks of kernels.h. */
uint32_t m0plus_streamed_forward_bytes(const engine_layer *layer);
uint32_t m0plus_streamed_backward_bytes(const engine_layer *layer);
void m0plus_streamed_forward(const engine_layer *layer, const engine_streamed_rows *rows, int32_t *acc);
void m0plus_streamed_below(const engine_layer *layer, const engine_streamed_rows *rows, int8_t *below);
void m0plus_streamed_update(const engine_layer *layer, const engine_scored_groups *groups);

#define M0PLUS_STREAMED_BLOCK_BYTES 36864u /* of weights in SRAM at a time */
#define M0PLUS_STREAMED_BAND_BYTES 16384u  /* of accumulators */
#define M0PLUS_MASK_PIXELS 32u             /* of maps whose pixels are told apart in a word */

/* A walk over the pruned edges of neighbouring rows. */
typedef struct {
    const engine_entry *starts; /* of the first row */
    int32_t end, place;         /* the last row's end; the entry, less that */
    uint32_t row, index;        /* the edge's row, from the first one on, and its place there */
} m0plus_pruned;

static inline m0plus_pruned m0plus_first_pruned(const engine_scored_groups *groups, uint32_t row, uint32_t rows) {
    const engine_entry *const starts = groups->starts + row;
    return (m0plus_pruned){.starts = starts, .end = starts[rows], .place = starts[0] - starts[rows] - 1};
}

/* Moves on to the next pruned edge; false: there is none. */
static inline bool m0plus_next_pruned(const engine_scored_groups *groups, m0plus_pruned *pruned) {
    pruned->place = m0plus_find_below(groups->row.scores + pruned->end, pruned->place + 1, groups->row.threshold);
    if (pruned->place >= 0) {
        return false;
    }
    const int32_t entry = pruned->end + pruned->place;
    while (pruned->starts[pruned->row + 1] <= entry) {
        pruned->row++;
    }
    pruned->index = groups->indices[entry];
    return true;
}

/* Takes bytes of scratch behind those taken so far, 4-byte aligned; NULL scratch: only counts. */
static inline void *m0plus_take_scratch(uint8_t *scratch, uint32_t *used, uint32_t bytes) {
    void *place = scratch == NULL ? NULL : scratch + *used;
    *used += (bytes + 3u) & ~3u;
    return place;
}

static inline uint32_t m0plus_taps(const engine_layer *layer) {
    return layer->config.kernel * layer->config.kernel;
}

/* Returns the input channels of a block whose weights take `weight_bytes` bytes each. */
static inline uint32_t m0plus_block_channels(const engine_layer *layer, uint32_t weight_bytes) {
    const uint32_t channel = m0plus_taps(layer) * layer->config.out_channels * weight_bytes;
    const uint32_t channels = M0PLUS_STREAMED_BLOCK_BYTES / channel;
    return channels < layer->config.in_channels ? channels : layer->config.in_channels;
}

#endif
