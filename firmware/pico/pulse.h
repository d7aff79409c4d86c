/* This file shows whether the board is alive: the watchdog resets one that hangs, the LED shows one that does not. */
#ifndef PRIOT_PULSE_H
#define PRIOT_PULSE_H

#include <stdbool.h>

/* Starts the watchdog and a beat every half a second, an interrupt that is accounted (cycles.h) and calls `on_beat`.
 * The beat feeds the watchdog as long as the main program has shown itself within the last minute: a step of the
 * largest network takes seconds, and is no hang. What hangs with interrupts masked, or locks up, is reset after 8 s. */
void pulse_init(void (*on_beat)(void));

/* Show that the main program moves: it begins to work (the LED goes out), or waits; `host`: for somebody who has the
 * port open (the LED is lit). */
void pulse_working(void);
void pulse_waiting(bool host);

/* Turns the LED over: nobody has the port open, and the beat makes it blink. */
void pulse_blink(void);

#endif
