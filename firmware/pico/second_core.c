#include "second_core.h"

#include <stddef.h>

#include "engine.h"

#include "hardware/structs/psm.h"
#include "hardware/structs/scb.h"
#include "hardware/structs/sio.h"
#include "hardware/sync.h"
#include "hardware/timer.h"

#define PATIENCE_US 1000u
#define ATTEMPTS 4u
#define MAILBOX_WORDS 8u

/* Waits for one of the mailbox's status bits. */
static bool mailbox(uint32_t bit) {
    uint32_t start_us = time_us_32();
    while (!(sio_hw->fifo_st & bit)) {
        if (time_us_32() - start_us >= PATIENCE_US) {
            return false;
        }
    }
    return true;
}

static void empty_mailbox(void) {
    for (uint32_t i = 0; i < MAILBOX_WORDS && (sio_hw->fifo_st & SIO_FIFO_ST_VLD_BITS); i++) {
        (void)sio_hw->fifo_rd;
    }
}

/* The boot ROM echoes each word that it takes. */
static bool echoed(uint32_t word) {
    if (!mailbox(SIO_FIFO_ST_RDY_BITS)) {
        return false;
    }
    sio_hw->fifo_wr = word;
    __sev();
    return mailbox(SIO_FIFO_ST_VLD_BITS) && sio_hw->fifo_rd == word;
}

bool second_core_start(uintptr_t entry, uintptr_t stack) {
    const uint32_t words[] = {0, 0, 1, scb_hw->vtor, stack, entry};
    const size_t count = sizeof words / sizeof words[0];
    for (uint32_t attempt = 0; attempt < ATTEMPTS; attempt++) {
        size_t at = 0;
        empty_mailbox();
        __sev(); /* it may wait for room in its own mailbox */
        while (at < count && echoed(words[at])) {
            at++;
        }
        if (at == count) {
            return true;
        }
    }
    return false;
}

void second_core_stop(void) {
    hw_set_bits(&psm_hw->frce_off, PSM_FRCE_OFF_PROC1_BITS);
    (void)psm_hw->frce_off; /* it is off before it is let go */
    hw_clear_bits(&psm_hw->frce_off, PSM_FRCE_OFF_PROC1_BITS);
    (void)mailbox(SIO_FIFO_ST_VLD_BITS); /* it says that it is back */
    empty_mailbox();
}

/* ---- the engine's second core ----------------------------------------------------------------------------------- */

/* What it is to do, and for what; NULL: nothing. It says that it is done by forgetting the work. */
static void (*volatile work_wanted)(void *context);
static void *volatile work_context;
static uint32_t *stack_of_work;
static uint32_t stack_words;

#define STACK_PAINT 0x5374616bu

/* It sleeps here between two pieces of work, in SRAM: flash may be erased and programmed meanwhile. No interrupt is
 * enabled at this core. */
static void __not_in_flash("second_core") __attribute__((noreturn)) work_for_ever(void) {
    for (;;) {
        void (*const work)(void *) = work_wanted;
        if (work == NULL) {
            __wfe();
            continue;
        }
        __dmb();
        work(work_context);
        __dmb();
        work_wanted = NULL;
        __sev();
    }
}

void engine_second_core_start(void *stack, uint32_t bytes) {
    stack_of_work = stack;
    stack_words = bytes / (uint32_t)sizeof *stack_of_work;
    for (uint32_t i = 0; i < stack_words; i++) {
        stack_of_work[i] = STACK_PAINT;
    }
    work_wanted = NULL;
    if (!second_core_start((uintptr_t)work_for_ever, (uintptr_t)(stack_of_work + stack_words))) {
        second_core_stop();
        stack_of_work = NULL;
    }
}

void engine_second_core_stop(void) {
    second_core_stop();
    stack_of_work = NULL;
}

/* One that does not answer has its work done here. */
void engine_second_core_do(void (*work)(void *context), void *context) {
    if (stack_of_work == NULL) {
        work(context);
        return;
    }
    work_context = context;
    __dmb();
    work_wanted = work;
    __dsb();
    __sev();
}

void engine_second_core_wait(void) {
    while (work_wanted != NULL) {
        __wfe();
    }
    __dmb();
}

uint32_t engine_second_core_floor(uint32_t items) {
    (void)items;
    return 0;
}
