/* The assembly of the Cortex-M0+ kernels. Each routine has a plain C twin in twins.c, for places without that core and
 * for the tests that compare the two. Pointers are words here, since they are added to. */
#ifndef PRIOT_ENGINE_M0PLUS_H
#define PRIOT_ENGINE_M0PLUS_H

#include "../../engine_internal.h"
#include "../sparse.h"

/* One item of the work list of rows.S. */
typedef struct {
    int32_t x;
    uintptr_t place;
} m0plus_work;

/* Non-zero inputs of a window that lie next to one another in the list: those of one kernel row. */
typedef struct {
    const sparse_element *begin; /* NULL: ends a window */
    const void *end;             /* there the next window's first segment, NULL after the last window */
    int32_t tap;                 /* of map element 0, were it in this kernel row: often negative */
} m0plus_segment;

#define M0PLUS_WINDOWS 4u /* that accumulators interleave */

/* Accumulators of up to four windows for one group of 16 or 8 output channels: acc[channel][window]. weights[tap][]:
 * words of two channels' weights, w0 + w1 * 65536. budget: the largest sum of |x| whose products with one channel's
 * weights are sure to fit into 16 bits, at least 255. */
void m0plus_gather16(const m0plus_segment *segments, int32_t *acc, const uint32_t *weights, int32_t budget);
void m0plus_gather8(const m0plus_segment *segments, int32_t *acc, const uint32_t *weights, int32_t budget);

/* kernels.h, update_scores; `end` is past the last delta. */
void m0plus_update_scores(const engine_score_row *row, int32_t x, const engine_sparse_delta *deltas,
                          const engine_sparse_delta *end);

/* Adds the products of a work list of int8 rows, biased by 128, to acc[0..7]. */
void m0plus_rows8(const m0plus_work *work, uintptr_t offset, int32_t *acc);

#endif
