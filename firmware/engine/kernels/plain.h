/* This file declares the plain kernels by name, for the tables of faster ones. */
#ifndef PRIOT_ENGINE_PLAIN_H
#define PRIOT_ENGINE_PLAIN_H

#include "../arithmetic.h"
#include "kernels.h"

/* plain_convolution.c, plain_depthwise.c */
extern const engine_window_kernels engine_plain_convolution, engine_dense_convolution, engine_plain_depthwise;

/* plain_streamed.c */
extern const engine_streamed_kernels engine_plain_streamed;

/* Updates the score of one entry of a streamed layer, whose edge is `edge`. */
static inline void engine_update_streamed_score(const engine_scored_groups *groups, uint32_t entry, int32_t gradient,
                                                uint32_t edge) {
    const engine_score_row *row = &groups->row;
    if ((uint32_t)(gradient + row->negligible) <= 2u * (uint32_t)row->negligible) {
        return;
    }
    const int32_t step = (gradient * row->weights[edge] + row->half) >> row->shift;
    row->scores[entry] = clamp_int8(row->scores[entry] - clamp_int8(step));
}

/* plain.c */
void engine_requantise(const engine_layer *layer, uint32_t first, uint32_t end, const int32_t *acc);
void engine_add_scaled_row(int32_t *restrict acc, const int8_t *restrict row, int32_t x, uint32_t count);
int32_t engine_sparse_dot(const int8_t *row, const engine_sparse_delta *deltas, uint32_t count);
void engine_update_scores(const engine_score_row *row, int32_t x, const engine_sparse_delta *deltas, uint32_t count);
bool engine_update_channel_scores(const engine_score_row *row, const int32_t *gradient, uint32_t count, uint32_t pitch);

#endif
