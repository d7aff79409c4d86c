/* This file counts where the time goes, in cycles of clk_sys: a free-running counter, and the share of it that
 * interrupts take, which engine_cycles() leaves out. All counters are 32 bits and wrap; differences are good for 34
 * s at 125 MHz. */
#ifndef PRIOT_CYCLES_H
#define PRIOT_CYCLES_H

#include <stdbool.h>
#include <stdint.h>

/* Starts the counter. Needs the clocks to be up. */
void cycles_init(void);

/* Returns the cycles since an arbitrary start, interrupts included. Callable from anywhere. */
uint32_t cycles_now(void);

/* Has the handler installed for this interrupt number accounted as interrupt time from now on. */
void cycles_account_interrupt(uint32_t number);

/* Measures what an accounted interrupt costs beyond what its own two readings see, by running the given one, which must
 * have a handler that changes nothing when there is nothing to do. */
void cycles_calibrate_interrupt(uint32_t number);

/* Returns the cycles since boot that were spent in accounted interrupts. */
uint32_t cycles_in_interrupts(void);

/* SysTick alone, 24 bits: for spans of up to 84 ms (at 200 MHz) that are measured against the timer, not with it. */
uint32_t cycles_systick(void);
uint32_t cycles_systick_since(uint32_t start);

/* What instructions, flash and interrupts cost: SELF_TEST_KIND_CYCLES of the .proto. Returns the number of values. */
uint32_t cycles_self_test(uint32_t *values);

/* Sleeps until an interrupt, unless `ready` holds already, and returns the cycles asleep. `ready` is asked with
 * interrupts masked, so that none is missed between the question and the sleep. */
uint32_t cycles_sleep_unless(bool (*ready)(void));

#endif
