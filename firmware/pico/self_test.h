/* Measures the board itself: clocks, memory, flash, what instructions cost, temperature. */
#ifndef PRIOT_SELF_TEST_H
#define PRIOT_SELF_TEST_H

#include <stdint.h>

/* Runs the test of that kind (SelfTestKind of the .proto, which says what the values are) and returns how many values
 * it has written; 0: there is no such test. A test of the memory overwrites the whole arena, one of the flash the last
 * sector of the region for weights. Takes up to half a second. */
uint32_t self_test(uint32_t kind, uint32_t *values);

/* Hangs with interrupts off, so that only the watchdog ends it. */
void self_test_hang(void) __attribute__((noreturn));

#endif
