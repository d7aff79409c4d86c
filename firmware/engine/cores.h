/* This file divides the work on a layer between two cores. What either does is independent of the other's and exact in
 * any order, so that the bytes are the same however they share it. Each has its own scratch: the second core works with
 * a copy of the layer, its twin, that has other scratch and is the same else. */
#ifndef PRIOT_ENGINE_CORES_H
#define PRIOT_ENGINE_CORES_H

#include "layer.h"

/* Items that two cores share: the first takes them from the start, the second from the end, until they meet. Neither
 * waits for the other, and no item is taken twice: each says what it wants before it looks whether the other does. When
 * both want the last one, both may leave it, and the first core takes it when the second has ended. */
typedef struct {
    uint32_t floor; /* below it the second core takes none */
    volatile uint32_t low, high;
} engine_division;

static inline engine_division engine_divide(uint32_t items) {
    return (engine_division){.floor = engine_second_core_floor(items), .low = 0, .high = items};
}

/* Takes the first core's next item; false: there is none, or the second core may have it. */
static inline bool engine_take_low(engine_division *division, uint32_t *item) {
    const uint32_t low = division->low;
    if (low >= division->high) {
        return false;
    }
    division->low = low + 1;
    ENGINE_CORES_BARRIER();
    if (low >= division->high) {
        division->low = low;
        return false;
    }
    *item = low;
    return true;
}

/* Takes the second core's. */
static inline bool engine_take_high(engine_division *division, uint32_t *item) {
    const uint32_t high = division->high;
    if (high <= division->floor || high <= division->low) {
        return false;
    }
    division->high = high - 1;
    ENGINE_CORES_BARRIER();
    if (high <= division->low) {
        division->high = high;
        return false;
    }
    *item = high - 1;
    return true;
}

/* Tells whether layers are divided. */
static inline bool engine_has_two_cores(const engine *self) {
    return self->plan.cores == 2;
}

/* Returns the second core's copy of a layer. */
static inline engine_layer engine_twin(const engine *self, const engine_layer *layer) {
    engine_layer twin = *layer;
    twin.memory.kernel_scratch = self->second.kernel_scratch;
    return twin;
}

#endif
