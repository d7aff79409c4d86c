/* Where the time goes, in cycles of clk_sys: a free-running counter, and shares of it for interrupts, compute and idle.
 * All counters are 32 bits and wrap; differences are good for 34 s at 125 MHz. */
#ifndef PRIOT_CYCLES_H
#define PRIOT_CYCLES_H

#include <stdbool.h>
#include <stdint.h>

/* Starts the counter. Needs the clocks to be up. */
void cycles_init(void);

/* Since an arbitrary start, interrupts included. Callable from anywhere. */
uint32_t cycles_now(void);

/* Has the handler installed for this interrupt number accounted as interrupt time from now on. */
void cycles_account_interrupt(uint32_t number);

/* Measures what an accounted interrupt costs beyond what its own two readings see, by running the given one, which must
 * have a handler that changes nothing when there is nothing to do. */
void cycles_calibrate_interrupt(uint32_t number);

/* Sleeps until an interrupt, unless `ready` holds already; the time asleep is idle. `ready` is asked with interrupts
 * masked, so that none is missed between the question and the sleep. */
void cycles_wait_for_interrupt(bool (*ready)(void));

/* Asleep, waiting for the host. */
uint32_t cycles_idle(void);

/* Everything that is neither idle nor engine steps and evaluations: interrupts, frames, messages. */
uint32_t cycles_wire(void);

#endif
