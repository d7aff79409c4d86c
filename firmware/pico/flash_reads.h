/* This file sets how flash is read. Every chip understands the read that the image's second stage sets up: one bit
 * at a time. Chips that are known to are then read four bits at a time, several times as fast (docs/hardware.md,
 * "Boards"). */
#ifndef PRIOT_FLASH_READS_H
#define PRIOT_FLASH_READS_H

#include <stdint.h>

/* Speeds up reads when the chip of this JEDEC id is known, and what is read that way is right. With interrupts masked.
 */
void flash_reads_init(uint32_t jedec_id);

/* Speeds them up again, if they were: after each operation of the SDK, with interrupts still masked. */
void flash_reads_resume(void);

#endif
