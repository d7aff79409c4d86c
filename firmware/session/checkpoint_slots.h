/* This file keeps a checkpoint of the learned state in flash, safe against a loss of power at any byte.
 *
 * There are two slots. A save goes into the one that does not hold the newest whole checkpoint: its sectors are erased,
 * the state is programmed, and only then the page that says what it is; all of it is read back. A slot counts when the
 * checksums of that page and of its state are right; the one with the higher sequence number is read. Whatever is cut,
 * the other slot is as it was. */
#ifndef PRIOT_CHECKPOINT_SLOTS_H
#define PRIOT_CHECKPOINT_SLOTS_H

#include <stdbool.h>
#include <stdint.h>

#define CHECKPOINT_SLOTS 2u
#define CHECKPOINT_SECTOR_BYTES 4096u
#define CHECKPOINT_PAGE_BYTES 256u
#define CHECKPOINT_ID_BYTES 8u

/* NOR flash. Offsets count from the first slot; the second begins at slot_bytes. Interrupts may run between any two
 * calls. */
typedef struct {
    void *context;
    uint32_t slot_bytes; /* whole sectors; 0: there is no flash */
    void (*read)(void *context, uint32_t offset, uint8_t *bytes, uint32_t length);
    /* Sets a sector to ones. */
    void (*erase_sector)(void *context, uint32_t offset);
    /* Clears the bits that are zero in `page` (in RAM, CHECKPOINT_PAGE_BYTES). */
    void (*program_page)(void *context, uint32_t offset, const uint8_t *page);
} checkpoint_flash;

/* What a checkpoint is of. */
typedef struct {
    uint32_t sequence; /* one more with each save */
    uint32_t next_step;
    uint32_t state_bytes, state_crc;
    uint8_t session_id[CHECKPOINT_ID_BYTES];
    uint8_t training_id[CHECKPOINT_ID_BYTES]; /* the host's name for what the steps are made of */
} checkpoint_record;

typedef struct {
    bool whole; /* there is one */
    uint32_t slot;
    checkpoint_record record; /* zero when there is none */
} checkpoint_slot;

/* The state that is saved: bytes offset..offset + length - 1, the same whenever it is called. */
typedef void (*checkpoint_source)(uint32_t offset, uint8_t *bytes, uint32_t length);

/* Returns the bytes of state that fit into a slot; 0 without flash. */
uint32_t checkpoint_capacity(const checkpoint_flash *flash);

/* Finds the newest whole checkpoint. `page`: CHECKPOINT_PAGE_BYTES to work with. */
checkpoint_slot checkpoint_find(const checkpoint_flash *flash, uint8_t *page);

/* Returns the CRC of what is to be saved, for the record. */
uint32_t checkpoint_state_crc(checkpoint_source source, uint32_t state_bytes, uint8_t *page);

/* Saves beside `newest`, which must be what checkpoint_find returned; record->state_bytes must be within the capacity,
 * record->state_crc right. Sets the record's sequence. False: what was programmed does not read back; `newest` stands.
 */
bool checkpoint_save(const checkpoint_flash *flash, const checkpoint_slot *newest, checkpoint_record *record,
                     checkpoint_source source, uint8_t *page);

/* Reads state bytes of a whole checkpoint; offset + length must be within its state_bytes. */
void checkpoint_read(const checkpoint_flash *flash, const checkpoint_slot *from, uint32_t offset, uint8_t *bytes,
                     uint32_t length);

#endif
