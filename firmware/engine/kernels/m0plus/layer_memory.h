/* What the Cortex-M0+ kernels keep for a layer from its forward pass to its update. */
#ifndef PRIOT_ENGINE_M0PLUS_LAYER_MEMORY_H
#define PRIOT_ENGINE_M0PLUS_LAYER_MEMORY_H

#include "../kernels.h"
#include "../sparse.h"
#include "m0plus.h"

#define M0PLUS_GROUP 8u        /* output channels at a time; of convolutions twice as many as long as they last */
#define M0PLUS_MAX_KERNEL 16u  /* of a convolution */
#define M0PLUS_WORK_ITEMS 512u /* of the list handed to the assembly */

typedef struct {
    void *weights;       /* convolutions: the effective ones by group of outputs, as the group's assembly wants them */
    int32_t lane_budget; /* the largest sum of inputs whose products are sure to fit into int16, for every output; not
                            where pixels are read */
    sparse_element *inputs; /* the non-zero elements of the input */
    uint32_t input_count;
    uint16_t *starts;       /* convolutions: of each pixel */
    int8_t *by_input;       /* convolutions: the effective weights for errors: [c][ky][kx from right to left][o] */
    sparse_element *deltas; /* convolutions that correlate: of four channels, with their places in the padded input */
    bool correlates;        /* convolutions: gradients are correlated on a padded copy of the input */
    bool pixel_lanes;       /* where pixels are read: weights are in words of two, for m0plus_pool_rows8_lanes */
} layer_memory;

/* What the accumulators of up to four windows are made from and in: a part of the scratch. The sums of the inputs
 * before each pixel follow the windows, as m0plus_list_words has them. */
typedef struct {
    union {
        int32_t acc[2 * M0PLUS_GROUP * M0PLUS_WINDOWS];
        uint32_t lanes[M0PLUS_GROUP * M0PLUS_WINDOWS];
    };
    m0plus_window_row rows[2][M0PLUS_MAX_KERNEL + 1]; /* of a pool's upper and lower windows */
    m0plus_window windows[];                          /* of a row of pools, a pool's four together; or only four */
} m0plus_windows;

static inline uint32_t m0plus_window_count(const engine_layer *layer) {
    return layer->config.pool ? layer->out_width * M0PLUS_WINDOWS : M0PLUS_WINDOWS;
}

static inline uint16_t *m0plus_input_sums(const engine_layer *layer) {
    m0plus_windows *scratch = (m0plus_windows *)layer->kernel_scratch;
    return (uint16_t *)(scratch->windows + m0plus_window_count(layer));
}

/* Maps of one channel are read pixel by pixel, from a padded copy: their windows are short. The others from the lists
 * of non-zero inputs, two channels' weights in a word. */
static inline bool m0plus_reads_pixels(const engine_layer *layer) {
    return layer->config.in_channels == 1 && layer->config.kernel <= M0PLUS_MAX_COLUMNS;
}

/* Output channels of the group that starts at channel `first`. */
static inline uint32_t m0plus_group_outputs(const engine_layer *layer, uint32_t first) {
    return layer->config.out_channels - first >= 2 * M0PLUS_GROUP && !m0plus_reads_pixels(layer) ? 2 * M0PLUS_GROUP
                                                                                                 : M0PLUS_GROUP;
}

/* pixels.c: the scratch it needs, whether its rows of pools can be made from lanes, the padded copy, and the two hooks
 * for layers that read pixels. */
uint32_t m0plus_pixels_scratch_bytes(const engine_layer *layer);
bool m0plus_pixels_fit_lanes(const engine_layer *layer);
void m0plus_copy_pixels(const engine_layer *layer);
void m0plus_pixels_convolution(const engine_layer *layer, uint32_t first_row, uint32_t rows, int32_t *acc);
void m0plus_pixels_pool_row(const engine_layer *layer, uint32_t out_row);

/* convolution.c: the scratch it needs, and the windows of a row of pools. */
uint32_t m0plus_windows_scratch_bytes(const engine_layer *layer);
void m0plus_place_windows(const engine_layer *layer);

/* Accumulators of `count` windows from acc[channel][window] to row[window][channel], its windows `pitch` elements
 * apart. */
static inline void m0plus_spread(const int32_t *acc, uint32_t outputs, uint32_t count, int32_t *row, uint32_t pitch) {
    for (uint32_t o = 0; o < outputs; o++, acc += M0PLUS_WINDOWS) {
        for (uint32_t window = 0; window < count; window++) {
            row[window * pitch + o] = acc[window];
        }
    }
}

/* layer_memory.c: has the weights as `pixel_lanes` says, all of them. */
void m0plus_widen_weights(const engine_layer *layer);

/* Whether errors can be gathered for the positive inputs alone. */
bool m0plus_gathers_errors(const engine_layer *layer);

/* Whether gradients are correlated on a padded copy of the input; the bytes of that copy, a multiple of 8. */
bool m0plus_correlates(const engine_layer *layer);
uint32_t m0plus_padded_bytes(const engine_layer *layer);

/* kernels.h: the hooks of the same names. */
uint32_t m0plus_memory_bytes(const engine_layer *layer);
uint32_t m0plus_scratch_bytes(const engine_layer *layer);
void m0plus_prepare(engine_layer *layer);
void m0plus_convolution(const engine_layer *layer, uint32_t first_row, uint32_t rows, int32_t *acc);
bool m0plus_linear(const engine_layer *layer, int32_t *acc);
void m0plus_convolution_row(const engine_layer *layer, uint32_t out_row, int32_t *acc);
void m0plus_convolution_below(const engine_layer *layer, int32_t *error, int8_t *channel_weights, int8_t *below);
bool m0plus_linear_below(const engine_layer *layer, const engine_sparse_delta *deltas, uint32_t count, int8_t *below);
void m0plus_prepare_gradients(const engine_layer *layer);
void m0plus_convolution_gradient(const engine_layer *layer, uint32_t channel, int32_t *gradient);

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
