/* This file declares the flash chip: the board's identity, and regions at the end of its first 2 MB: two slots for
 * checkpoints, then frozen weights. What is before them is the image's; a smaller chip has no regions. Code in flash
 * cannot run while a sector is erased or a page programmed, interrupt handlers included: interrupts are masked for
 * each one alone (45 ms, at most 400, a sector; 0.4 ms, at most 3, a page) and run in between, so that USB is
 * served. */
#ifndef PRIOT_FLASH_H
#define PRIOT_FLASH_H

#include <stdint.h>

#include "checkpoint_slots.h"

#define FLASH_BOARD_ID_BYTES 8u
#define FLASH_WEIGHTS_BYTES (1024u * 1024u)
#define FLASH_CHECKPOINT_SLOT_BYTES (384u * 1024u)

typedef struct {
    /* The chip's unique id (instruction 4Bh); an emulated chip's is reserved (docs/wire.md). Chips without one read as
     * zeros or ones. */
    uint8_t board_id[FLASH_BOARD_ID_BYTES];
    uint32_t jedec_id;      /* instruction 9Fh: manufacturer, memory type, capacity, in the low three bytes */
    uint32_t bytes;         /* what the chip holds */
    uint32_t weights_bytes; /* of the region for weights: 0 on a chip of less than 2 MB */
} flash_identity;

/* Asks the chip who it is. Once, before all else here, and before interrupts run. */
flash_identity flash_init(void);

/* Programs `weights` (in RAM, length > 0), `offset` bytes, whole sectors, into the region for them, and returns where
 * they can be read, or NULL when there is no region, they do not fit, or do not read back. Sectors that hold the right
 * bytes already are left alone; the rest of a last sector that is programmed is erased. */
const int8_t *flash_program_weights(uint32_t offset, const int8_t *weights, uint32_t length);

/* Erases, programs and reads the last sector of the region for weights: SELF_TEST_KIND_FLASH of the .proto. Returns the
 * number of values; 0 without a region. */
uint32_t flash_self_test(uint32_t *values);

/* Returns the two slots of FLASH_CHECKPOINT_SLOT_BYTES; of 0 bytes on a chip of less than 2 MB. */
checkpoint_flash flash_checkpoints(void);

#endif
