/* This file uses the second core, which sleeps in the boot ROM: woken for a measurement, and put back (RP2040
 * datasheet 2.8.2). */
#ifndef PRIOT_SECOND_CORE_H
#define PRIOT_SECOND_CORE_H

#include <stdbool.h>
#include <stdint.h>

/* Starts the second core at `entry` (with its Thumb bit), with `stack` as its stack pointer and no interrupt enabled.
 * false: it does not answer. */
bool second_core_start(uintptr_t entry, uintptr_t stack);

/* Resets the second core: it sleeps in the boot ROM again. */
void second_core_stop(void);

#endif
