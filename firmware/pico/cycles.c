#include "cycles.h"

#include "engine.h"
#include "hardware/clocks.h"
#include "hardware/irq.h"
#include "hardware/structs/scb.h"
#include "hardware/structs/systick.h"
#include "hardware/structs/timer.h"
#include "hardware/sync.h"

#define SYSTICK_BITS 24u
#define SYSTICK_TOP ((1u << SYSTICK_BITS) - 1u)
#define MICROSECONDS_PER_SECOND 1000000u
#define FIRST_INTERRUPT 16u /* exception number of interrupt 0 */
#define INTERRUPT_COUNT 32u

static uint32_t cycles_per_microsecond, origin;
static volatile uint32_t interrupt_cycles;
static uint32_t interrupt_overhead;
static irq_handler_t accounted_handlers[INTERRUPT_COUNT];

/* SysTick counts cycles but has 24 bits; the timer has the rest, in microseconds of the same crystal. Their sum is the
 * number that agrees with SysTick in 24 bits and is next to the timer. Right as long as the two readings are less than
 * 2^23 cycles apart, so interrupts between them do no harm, and no overflow has to be waited for. */
uint32_t cycles_now(void) {
    uint32_t coarse = timer_hw->timerawl * cycles_per_microsecond;
    uint32_t fine = SYSTICK_TOP - systick_hw->cvr - origin;
    int32_t correction = (int32_t)((fine - coarse) << (32u - SYSTICK_BITS)) >> (32u - SYSTICK_BITS);
    return coarse + (uint32_t)correction;
}

void cycles_init(void) {
    cycles_per_microsecond = clock_get_hz(clk_sys) / MICROSECONDS_PER_SECOND;
    systick_hw->rvr = SYSTICK_TOP;
    systick_hw->cvr = 0;
    systick_hw->csr = M0PLUS_SYST_CSR_CLKSOURCE_BITS | M0PLUS_SYST_CSR_ENABLE_BITS;
    origin = SYSTICK_TOP - systick_hw->cvr - timer_hw->timerawl * cycles_per_microsecond;
}

uint32_t cycles_systick(void) {
    return SYSTICK_TOP - systick_hw->cvr;
}

uint32_t cycles_systick_since(uint32_t start) {
    return (cycles_systick() - start) & SYSTICK_TOP;
}

uint32_t engine_cycles(void) {
    uint32_t state = save_and_disable_interrupts();
    uint32_t now = cycles_now() - interrupt_cycles;
    restore_interrupts(state);
    return now;
}

/* Runs the installed handler and adds its time. An interrupt that preempts it adds its own on top of `before`, which is
 * then inside the span measured here: nested time counts once. */
static void accounted_interrupt(void) {
    uint32_t state = save_and_disable_interrupts();
    uint32_t start = cycles_now();
    uint32_t before = interrupt_cycles;
    restore_interrupts(state);

    accounted_handlers[__get_current_exception() - FIRST_INTERRUPT]();

    state = save_and_disable_interrupts();
    interrupt_cycles = before + (cycles_now() - start) + interrupt_overhead;
    restore_interrupts(state);
}

void cycles_account_interrupt(uint32_t number) {
    irq_handler_t *vectors = (irq_handler_t *)scb_hw->vtor;
    uint32_t state = save_and_disable_interrupts();
    accounted_handlers[number] = irq_get_vtable_handler(number);
    vectors[FIRST_INTERRUPT + number] = accounted_interrupt;
    restore_interrupts(state);
}

void cycles_calibrate_interrupt(uint32_t number) {
    uint32_t start = engine_cycles();
    uint32_t reading = engine_cycles() - start;

    start = engine_cycles();
    irq_set_pending(number);
    __dsb();
    __isb();
    interrupt_overhead = engine_cycles() - start - reading;
}

uint32_t cycles_in_interrupts(void) {
    return interrupt_cycles;
}

uint32_t cycles_sleep_unless(bool (*ready)(void)) {
    uint32_t asleep = 0;
    uint32_t state = save_and_disable_interrupts();
    if (!ready()) {
        uint32_t start = cycles_now();
        __dsb();
        __wfi();
        asleep = cycles_now() - start;
    }
    restore_interrupts(state);
    return asleep;
}
