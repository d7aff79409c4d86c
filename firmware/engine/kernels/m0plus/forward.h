/* This file declares the Cortex-M0+ kernels of the forward pass, file by file. */
#ifndef PRIOT_ENGINE_M0PLUS_FORWARD_H
#define PRIOT_ENGINE_M0PLUS_FORWARD_H

#include "layer_memory.h"

/* windows.c: convolutions from the lists of their non-zero inputs. The scratch they need; the windows of a row of
 * pools, once an image; accumulator rows and rows of pools. */
uint32_t m0plus_windows_bytes(const engine_layer *layer);
uint16_t *m0plus_input_sums(const engine_layer *layer);
void m0plus_place_windows(const engine_layer *layer);
void m0plus_windows_accumulate(const engine_layer *layer, uint32_t first, uint32_t end, int32_t *acc);
void m0plus_windows_pool(const engine_layer *layer, uint32_t first, uint32_t end);
void m0plus_windows_half_row(const engine_layer *layer, uint32_t half);

/* pixels.c: convolutions over a map of one channel, from a padded copy. The same, and whether their rows of pools can
 * be made from lanes. */
uint32_t m0plus_pixels_bytes(const engine_layer *layer);
bool m0plus_pixels_fit_lanes(const engine_layer *layer);
void m0plus_copy_pixels(const engine_layer *layer);
void m0plus_pixels_accumulate(const engine_layer *layer, uint32_t first, uint32_t end, int32_t *acc);
void m0plus_pixels_pool(const engine_layer *layer, uint32_t first, uint32_t end);

/* convolution.c, linear.c: the hooks of kernels.h. */
void m0plus_accumulate(const engine_layer *layer, uint32_t first, uint32_t end, int32_t *acc);
bool m0plus_halves_rows(const engine_layer *layer);
void m0plus_output_rows(const engine_layer *layer, uint32_t first, uint32_t end, int32_t *acc);
bool m0plus_linear(const engine_layer *layer, int32_t *acc);

/* Returns the biases from output channel `first` on, of a group. */
static inline const int32_t *m0plus_biases(const layer_memory *memory, uint32_t first) {
    return memory->biases == NULL ? m0plus_no_biases : memory->biases + first;
}

/* Spreads the accumulators of `count` windows, the biases added, from acc[channel][window] to row[window][channel], its
 * windows a pixel of the accumulator map apart; of the channels [first, first + group) those that there are. */
static inline void m0plus_spread(const engine_layer *layer, const int32_t *acc, uint32_t first, uint32_t group,
                                 uint32_t count, int32_t *row) {
    const uint32_t outputs = layer->config.out_channels, end = first + group < outputs ? first + group : outputs;
    const int32_t *bias = m0plus_biases(m0plus_memory(layer), first);
    for (uint32_t o = first; o < end; o++, acc += M0PLUS_WINDOWS, bias++) {
        for (uint32_t window = 0; window < count; window++) {
            row[window * outputs + o] = acc[window] + *bias;
        }
    }
}

#endif
