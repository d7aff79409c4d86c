/* The plain kernels by name, for the tables of faster ones. */
#ifndef PRIOT_ENGINE_PLAIN_H
#define PRIOT_ENGINE_PLAIN_H

#include "kernels.h"

/* plain_convolution.c, plain_depthwise.c */
extern const engine_window_kernels engine_plain_convolution, engine_dense_convolution, engine_plain_depthwise;

/* plain.c */
void engine_requantise(const engine_layer *layer, uint32_t first, uint32_t end, const int32_t *acc);
void engine_add_scaled_row(int32_t *restrict acc, const int8_t *restrict row, int32_t x, uint32_t count);
int32_t engine_sparse_dot(const int8_t *row, const engine_sparse_delta *deltas, uint32_t count);
void engine_update_scores(const engine_score_row *row, int32_t x, const engine_sparse_delta *deltas, uint32_t count);
bool engine_update_channel_scores(const engine_score_row *row, const int32_t *gradient, uint32_t count, uint32_t pitch);

#endif
