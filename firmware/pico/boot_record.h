/* This file declares what is kept in RAM across a reset: how the last run ended, and how many there were. */
#ifndef PRIOT_BOOT_RECORD_H
#define PRIOT_BOOT_RECORD_H

#include <stdbool.h>
#include <stdint.h>

#define BOOT_PANIC_REASON_BYTES 80u /* NUL included: Panic.reason of the .proto */

typedef struct {
    uint32_t program_counter, link_register;
    char reason[BOOT_PANIC_REASON_BYTES];
} boot_panic;

/* Reads what the last run left, once, and opens this run's record. `board_id`: 8 bytes, goes into the boot id. */
void boot_record_init(const uint8_t *board_id);

/* Differs after every reset: counts resets that leave RAM alone, starts anywhere after others. */
uint32_t boot_id(void);

/* Returns the ResetCause of the .proto. */
uint32_t boot_reset_cause(void);

/* Returns how the last run ended, if it ended in a panic: else NULL. */
const boot_panic *boot_last_panic(void);

/* Notes that the reset about to happen was asked for. */
void boot_record_requested(void);

/* Notes the panic and resets the board. Callable from anywhere, with a damaged program too. */
void boot_record_panic(uint32_t program_counter, uint32_t link_register, const char *reason) __attribute__((noreturn));

#endif
