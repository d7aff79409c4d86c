/* This file declares what the Cortex-M0+ kernels need while they work on one layer. All layers take turns in one
 * piece of memory: nothing here outlives the kernel, or in the forward pass the layer, that filled it. */
#ifndef PRIOT_ENGINE_M0PLUS_SCRATCH_H
#define PRIOT_ENGINE_M0PLUS_SCRATCH_H

#include "m0plus.h"

#define M0PLUS_GROUP 8u        /* output channels at a time; of convolutions twice as many as long as they last */
#define M0PLUS_MAX_KERNEL 16u  /* of a convolution */
#define M0PLUS_MAX_SIDE 255u   /* of a convolution's map */
#define M0PLUS_WORK_ITEMS 512u /* of the list handed to the assembly */
#define M0PLUS_WORD_BYTES 4u
#define M0PLUS_MAX_PITCH_WORDS ((M0PLUS_MAX_SIDE + 2 * M0PLUS_MAX_COLUMNS + 2 * M0PLUS_WORD_BYTES) / M0PLUS_WORD_BYTES)

/* What the accumulators of up to four windows are made from and in. The sums of the inputs before each pixel follow the
 * windows, as m0plus_list_words has them. */
typedef struct {
    union {
        int32_t acc[2 * M0PLUS_GROUP * M0PLUS_WINDOWS];
        uint32_t lanes[M0PLUS_GROUP * M0PLUS_WINDOWS];
    };
    m0plus_window_row rows[2][M0PLUS_MAX_KERNEL + 1]; /* of a pool's upper and lower windows */
    m0plus_window windows[];                          /* of a row of pools, a pool's four together; or only four */
} m0plus_windows;

/* A map of one channel with its padding around it. */
typedef struct {
    int32_t acc[M0PLUS_GROUP * M0PLUS_WINDOWS];
    m0plus_pixel_windows windows;
    uint32_t margin;                           /* left of the first window */
    uint32_t occupied[M0PLUS_MAX_PITCH_WORDS]; /* by column, over the rows of a pool: 0 where all are 0 */
    uint32_t padded[];
} m0plus_pixels;

/* Non-zero deltas of a linear layer. */
typedef struct {
    uint32_t count;
    sparse_element list[];
} m0plus_linear_deltas;

/* Non-zero deltas of a convolution in the order of the accumulator map, as a convolution's inputs are listed. */
typedef struct {
    uint16_t *starts; /* of each pixel, behind the list */
    sparse_element list[];
} m0plus_map_deltas;

/* What gradients are correlated on: the input with its padding around it, then the lists of four channels' deltas. */
typedef struct {
    sparse_element *lists;
    uint32_t list_length; /* of one channel */
    uint8_t padded[] __attribute__((aligned(8)));
} m0plus_correlation;

/* Deltas of a linear layer, one an output. */
typedef struct {
    uint32_t count;
    int32_t factor[];
} m0plus_factors;

typedef union {
    m0plus_windows windows;              /* forward: convolutions, from lists */
    m0plus_pixels pixels;                /* forward: convolutions of one channel */
    m0plus_work work[M0PLUS_WORK_ITEMS]; /* forward: linear layers */
    m0plus_linear_deltas linear_deltas;  /* errors of linear layers */
    m0plus_map_deltas map_deltas;        /* errors of convolutions */
    m0plus_correlation correlation;      /* gradients of convolutions */
    m0plus_factors factors;              /* updates of linear layers some of whose edges have scores */
} m0plus_scratch;

#endif
