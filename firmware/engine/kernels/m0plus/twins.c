/* Plain C twins of the assembly. */
#include "m0plus.h"

#include "../kernels.h"

#ifndef __ARM_ARCH_6M__

#include <string.h>

void m0plus_gather8(const m0plus_work *work, uintptr_t offset) {
    int32_t acc[8] = {0};
    for (; work->x != 0 || work->place != 0; work++) {
        int32_t *place =
            (int32_t *)(work->place + offset); /* NOLINT(performance-no-int-to-ptr): as the assembly does */
        if (work->x == 0) {
            memcpy(place, acc, sizeof acc);
            memset(acc, 0, sizeof acc);
            continue;
        }
        for (uint32_t i = 0; i < 8; i++) {
            acc[i] += work->x * place[i];
        }
    }
}

void m0plus_scatter(int32_t *acc, const int32_t *weights, int32_t x, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        acc[i] += x * weights[i];
    }
}

void m0plus_update_scores(const engine_score_row *row, int32_t x, const engine_sparse_delta *deltas,
                          const engine_sparse_delta *end) {
    engine_update_scores(row, x, deltas, (uint32_t)(end - deltas));
}

void m0plus_rows8(const m0plus_work *work, uintptr_t offset, int32_t *acc) {
    for (; work->x != 0 || work->place != 0; work++) {
        const int8_t *row = (const int8_t *)(work->place + offset); /* NOLINT(performance-no-int-to-ptr) */
        for (uint32_t i = 0; i < 8 && work->x != 0; i++) {
            acc[i] += work->x * (row[i] + 128);
        }
    }
}

#endif
