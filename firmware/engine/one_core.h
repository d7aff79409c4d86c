/* This file is the second core of a platform that has none: its work is done at once, by the one there is. A program
 * includes it once. How much of a division it gets changes from one to the next, so that all kinds are tried. */
#ifndef PRIOT_ENGINE_ONE_CORE_H
#define PRIOT_ENGINE_ONE_CORE_H

#include "engine.h"

void engine_second_core_start(void *stack, uint32_t bytes) {
    (void)stack;
    (void)bytes;
}

void engine_second_core_stop(void) {}

void engine_second_core_do(void (*work)(void *context), void *context) {
    work(context);
}

void engine_second_core_wait(void) {}

uint32_t engine_second_core_floor(uint32_t items) {
    static uint32_t state = 1;
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    return state % (items + 1);
}

#endif
