/* The flash chip: the board's identity, and regions at its end: two slots for checkpoints, then frozen weights. What is
 * before them is the image's. Code in flash cannot run while a sector is erased or a page programmed, interrupt
 * handlers included: interrupts are masked for each one alone (45 ms, at most 400, a sector; 0.4 ms, at most 3, a page)
 * and run in between, so that USB is served. */
#ifndef PRIOT_FLASH_H
#define PRIOT_FLASH_H

#include <stdint.h>

#include "checkpoint_slots.h"

#define FLASH_BOARD_ID_BYTES 8u
#define FLASH_WEIGHTS_BYTES (1024u * 1024u)
#define FLASH_CHECKPOINT_SLOT_BYTES (384u * 1024u)

/* The chip's unique id. An emulated chip has none, reads as zeros and becomes "PRIOTEMU". */
void flash_read_board_id(uint8_t id[FLASH_BOARD_ID_BYTES]);

/* Programs `weights` (in RAM, length > 0) and returns where they can be read, or NULL when they do not fit or do not
 * read back. Sectors that hold the right bytes already are left alone. */
const int8_t *flash_program_weights(const int8_t *weights, uint32_t length);

/* Two slots of FLASH_CHECKPOINT_SLOT_BYTES. */
checkpoint_flash flash_checkpoints(void);

#endif
