#include "boot_record.h"

#include <stddef.h>
#include <string.h>

#include "hardware/structs/rosc.h"
#include "hardware/structs/vreg_and_chip_reset.h"
#include "hardware/structs/watchdog.h"
#include "hardware/sync.h"
#include "hardware/watchdog.h"
#include "pico.h"
#include "priot.pb.h"

#define RECORD_MAGIC 0x50524252u /* "PRBR" */
#define FNV_OFFSET 2166136261u
#define FNV_PRIME 16777619u
#define RANDOM_BITS 256u

typedef enum { END_UNKNOWN = 0, END_REQUESTED = 1, END_PANIC = 2 } run_end;

typedef struct {
    uint32_t magic;
    uint32_t boots;
    uint32_t end; /* run_end of the run that wrote this */
    boot_panic panic;
    uint32_t checksum; /* FNV-1a 32 over all of the above */
} boot_record;

static boot_record __uninitialized_ram(record);

static uint32_t this_boot_id;
static uint32_t reset_cause;
static bool has_panic;
static boot_panic last_panic;

static uint32_t fnv(uint32_t hash, const void *data, size_t length) {
    const uint8_t *bytes = data;
    for (size_t i = 0; i < length; i++) {
        hash = (hash ^ bytes[i]) * FNV_PRIME;
    }
    return hash;
}

static uint32_t record_checksum(void) {
    return fnv(FNV_OFFSET, &record, offsetof(boot_record, checksum));
}

/* The ring oscillator's bit is noise on the chip and constant in the emulator, whose runs must be equal. */
static uint32_t noise(void) {
    uint32_t hash = FNV_OFFSET;
    for (uint32_t i = 0; i < RANDOM_BITS; i++) {
        hash = (hash ^ (rosc_hw->randombit & 1u)) * FNV_PRIME;
    }
    return hash;
}

static uint32_t read_reset_cause(bool record_valid) {
    if (watchdog_hw->reason != 0) {
        if (record_valid && record.end == END_PANIC) {
            return priot_ResetCause_RESET_CAUSE_PANIC;
        }
        if (record_valid && record.end == END_REQUESTED) {
            return priot_ResetCause_RESET_CAUSE_REQUESTED;
        }
        return watchdog_enable_caused_reboot() ? priot_ResetCause_RESET_CAUSE_WATCHDOG
                                               : priot_ResetCause_RESET_CAUSE_BOOT_ROM;
    }
    if (vreg_and_chip_reset_hw->chip_reset & VREG_AND_CHIP_RESET_CHIP_RESET_HAD_POR_BITS) {
        return priot_ResetCause_RESET_CAUSE_POWER_ON;
    }
    return priot_ResetCause_RESET_CAUSE_RUN_PIN;
}

void boot_record_init(const uint8_t *board_id) {
    bool valid = record.magic == RECORD_MAGIC && record.checksum == record_checksum();
    reset_cause = read_reset_cause(valid);
    if (valid && record.end == END_PANIC) {
        has_panic = true;
        last_panic = record.panic;
        last_panic.reason[BOOT_PANIC_REASON_BYTES - 1u] = '\0';
    }
    /* RAM that nobody initialised is one more source of differing boot ids */
    uint32_t boots = valid ? record.boots + 1u : record_checksum() ^ noise();
    memset(&record, 0, sizeof record);
    record.magic = RECORD_MAGIC;
    record.boots = boots;
    record.end = END_UNKNOWN;
    record.checksum = record_checksum();
    this_boot_id = fnv(fnv(FNV_OFFSET, board_id, 8), &boots, sizeof boots);
}

uint32_t boot_id(void) {
    return this_boot_id;
}

uint32_t boot_reset_cause(void) {
    return reset_cause;
}

const boot_panic *boot_last_panic(void) {
    return has_panic ? &last_panic : NULL;
}

void boot_record_requested(void) {
    record.end = END_REQUESTED;
    record.checksum = record_checksum();
}

void boot_record_panic(uint32_t program_counter, uint32_t link_register, const char *reason) {
    (void)save_and_disable_interrupts();
    record.end = END_PANIC;
    record.panic.program_counter = program_counter;
    record.panic.link_register = link_register;
    strncpy(record.panic.reason, reason, BOOT_PANIC_REASON_BYTES - 1u);
    record.panic.reason[BOOT_PANIC_REASON_BYTES - 1u] = '\0';
    record.checksum = record_checksum();
    watchdog_reboot(0, 0, 0);
    for (;;) {
        tight_loop_contents();
    }
}
