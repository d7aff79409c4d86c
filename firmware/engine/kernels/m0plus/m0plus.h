/* The assembly of the Cortex-M0+ kernels. Each routine has a plain C twin in twins.c, for places without that core and
 * for the tests that compare the two. Pointers are words here, since they are added to. */
#ifndef PRIOT_ENGINE_M0PLUS_H
#define PRIOT_ENGINE_M0PLUS_H

#include "../../engine_internal.h"

/* One item of a work list: gather.S and rows.S say what their items mean. */
typedef struct {
    int32_t x;
    uintptr_t place;
} m0plus_work;

/* Runs a work list for eight int32 accumulators; `offset` bytes are added to every place but the ending 0. */
void m0plus_gather8(const m0plus_work *work, uintptr_t offset);

/* acc[i] += x * weights[i] for i < count; count > 0, a multiple of 8. */
void m0plus_scatter(int32_t *acc, const int32_t *weights, int32_t x, uint32_t count);

/* kernels.h, update_scores; `end` is past the last delta. */
void m0plus_update_scores(const engine_score_row *row, int32_t x, const engine_sparse_delta *deltas,
                          const engine_sparse_delta *end);

/* Adds the products of a work list of int8 rows, biased by 128, to acc[0..7]. */
void m0plus_rows8(const m0plus_work *work, uintptr_t offset, int32_t *acc);

#endif
