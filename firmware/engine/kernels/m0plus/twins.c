/* Plain C twins of the assembly. */
#include "m0plus.h"

#include "../kernels.h"

#ifndef __ARM_ARCH_6M__

static void gather(const m0plus_segment *segment, int32_t *acc, const uint32_t *weights, uint32_t outputs) {
    for (; segment != NULL; segment = segment->end, acc++) {
        for (uint32_t o = 0; o < outputs; o++) {
            acc[o * M0PLUS_WINDOWS] = 0;
        }
        for (; segment->begin != NULL; segment++) {
            for (const sparse_element *element = segment->begin; element < (const sparse_element *)segment->end;
                 element++) {
                const uint32_t tap = sparse_index(*element) + (uint32_t)segment->tap;
                const uint32_t *pair = weights + tap * outputs / 2;
                for (uint32_t o = 0; o < outputs; o += 2, pair++) {
                    const int32_t lower = (int16_t)*pair, upper = (int32_t)(*pair - (uint32_t)lower) >> 16;
                    acc[o * M0PLUS_WINDOWS] += sparse_value(*element) * lower;
                    acc[(o + 1) * M0PLUS_WINDOWS] += sparse_value(*element) * upper;
                }
            }
        }
    }
}

void m0plus_gather16(const m0plus_segment *segments, int32_t *acc, const uint32_t *weights, int32_t budget) {
    (void)budget;
    gather(segments, acc, weights, 16);
}

void m0plus_gather8(const m0plus_segment *segments, int32_t *acc, const uint32_t *weights, int32_t budget) {
    (void)budget;
    gather(segments, acc, weights, 8);
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
