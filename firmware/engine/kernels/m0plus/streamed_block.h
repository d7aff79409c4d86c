/* This file declares what a streamed convolution's forward pass has in SRAM at a time: a block of input channels, their
 * weights and inputs as m0plus_streamed_gather16 wants them. */
#ifndef PRIOT_ENGINE_M0PLUS_STREAMED_BLOCK_H
#define PRIOT_ENGINE_M0PLUS_STREAMED_BLOCK_H

#include "streamed.h"

#define M0PLUS_STREAMED_GROUP (2 * M0PLUS_GROUP) /* outputs of m0plus_streamed_gather16 */

typedef struct {
    int32_t *acc;           /* of a band: [quad][out_channels][window] */
    uint32_t *weights;      /* of a block, by group of outputs: [tap][channel][words] */
    sparse_element *inputs; /* of a block: its non-zero elements, as if the map had no other channels */
    uint16_t *starts;       /* of each pixel in the list */
    uint16_t *costs;        /* the sum of the squared inputs before each pixel, in units of 2^cost_shift */
    uint32_t *occupied;     /* of each channel of a block: the pixels that are not zero, a bit each, modulo 32 */
    uint32_t *taps;         /* of each tap: the pixels that a window's tap can lie on */
    m0plus_window_row *rows[2];
    m0plus_window *windows;
    uint32_t cost_shift;
    uint32_t block;                  /* channels */
    uint32_t band;                   /* output rows */
    uint32_t quads;                  /* of an output row */
    int32_t centre;                  /* what is taken away from inputs before they are listed, see choose_centre */
    int32_t *begin;                  /* of each output, where there is a centre: what its accumulators begin with */
    uint32_t height, width, padding; /* of the map as it is listed */
} m0plus_forward_scratch;

/* Lays out a layer's scratch. Returns its bytes. `scratch` NULL: no pointer is set. */
uint32_t m0plus_place_forward(const engine_layer *layer, uint8_t *scratch, m0plus_forward_scratch *to);

/* Decides whether a value is taken away from all inputs, and lists them, reads the weights, which are all in one block,
 * and sets what accumulators begin with. False: it is not. */
bool m0plus_begin_centred(const engine_layer *layer, const engine_streamed_rows *from, m0plus_forward_scratch *scratch);

/* Lists the non-zero inputs of channels [first, first + count), and reads their weights. */
void m0plus_begin_block(const engine_layer *layer, const engine_streamed_rows *from, uint32_t first, uint32_t count,
                        const m0plus_forward_scratch *scratch);

#endif
