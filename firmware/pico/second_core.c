#include "second_core.h"

#include <stddef.h>

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
