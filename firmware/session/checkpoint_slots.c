#include "checkpoint_slots.h"

#include <stddef.h>
#include <string.h>

#include "crc32.h"

#define MAGIC 0x4b435250u /* "PRCK" */
#define FORMAT 1u
#define STATE_OFFSET CHECKPOINT_PAGE_BYTES /* in a slot; before it is the header's page */

/* A slot's header as it stands in flash, little-endian as every place this runs in. The rest of its page is ones. */
typedef struct {
    uint32_t magic, format;
    checkpoint_record record;
    uint32_t crc; /* of all before it */
} slot_header;

_Static_assert(sizeof(slot_header) == 44 && offsetof(slot_header, crc) == 40, "no padding");
_Static_assert(sizeof(slot_header) <= CHECKPOINT_PAGE_BYTES, "the header is one page: it is programmed at once");

static uint32_t smaller(uint32_t a, uint32_t b) {
    return a < b ? a : b;
}

uint32_t checkpoint_capacity(const checkpoint_flash *flash) {
    return flash->slot_bytes > STATE_OFFSET ? flash->slot_bytes - STATE_OFFSET : 0;
}

static uint32_t header_crc(const slot_header *header) {
    return crc32((const uint8_t *)header, offsetof(slot_header, crc));
}

static bool state_matches(const checkpoint_flash *flash, uint32_t slot, const checkpoint_record *record,
                          uint8_t *page) {
    uint32_t crc = 0;
    for (uint32_t at = 0; at < record->state_bytes; at += CHECKPOINT_PAGE_BYTES) {
        uint32_t count = smaller(record->state_bytes - at, CHECKPOINT_PAGE_BYTES);
        flash->read(flash->context, slot * flash->slot_bytes + STATE_OFFSET + at, page, count);
        crc = crc32_continue(crc, page, count);
    }
    return crc == record->state_crc;
}

static bool read_slot(const checkpoint_flash *flash, uint32_t slot, checkpoint_record *record, uint8_t *page) {
    slot_header header;
    flash->read(flash->context, slot * flash->slot_bytes, (uint8_t *)&header, sizeof header);
    *record = header.record;
    return header.magic == MAGIC && header.format == FORMAT && header.crc == header_crc(&header) &&
           record->state_bytes <= checkpoint_capacity(flash) && state_matches(flash, slot, record, page);
}

checkpoint_slot checkpoint_find(const checkpoint_flash *flash, uint8_t *page) {
    checkpoint_slot newest;
    memset(&newest, 0, sizeof newest);
    for (uint32_t slot = 0; slot < CHECKPOINT_SLOTS && flash->slot_bytes > 0; slot++) {
        checkpoint_record record;
        if (!read_slot(flash, slot, &record, page)) {
            continue;
        }
        /* as numbers that wrap */
        if (!newest.whole || record.sequence - newest.record.sequence < 0x80000000u) {
            newest = (checkpoint_slot){true, slot, record};
        }
    }
    return newest;
}

uint32_t checkpoint_state_crc(checkpoint_source source, uint32_t state_bytes, uint8_t *page) {
    uint32_t crc = 0;
    for (uint32_t at = 0; at < state_bytes; at += CHECKPOINT_PAGE_BYTES) {
        uint32_t count = smaller(state_bytes - at, CHECKPOINT_PAGE_BYTES);
        source(at, page, count);
        crc = crc32_continue(crc, page, count);
    }
    return crc;
}

bool checkpoint_save(const checkpoint_flash *flash, const checkpoint_slot *newest, checkpoint_record *record,
                     checkpoint_source source, uint8_t *page) {
    uint32_t slot = newest->whole ? 1u - newest->slot : 0u;
    uint32_t start = slot * flash->slot_bytes;
    record->sequence = newest->record.sequence + 1u;
    /* The header's sector first: what the slot held is no checkpoint from then on. */
    for (uint32_t at = 0; at < STATE_OFFSET + record->state_bytes; at += CHECKPOINT_SECTOR_BYTES) {
        flash->erase_sector(flash->context, start + at);
    }
    for (uint32_t at = 0; at < record->state_bytes; at += CHECKPOINT_PAGE_BYTES) {
        memset(page, 0xff, CHECKPOINT_PAGE_BYTES);
        source(at, page, smaller(record->state_bytes - at, CHECKPOINT_PAGE_BYTES));
        flash->program_page(flash->context, start + STATE_OFFSET + at, page);
    }
    slot_header header = {.magic = MAGIC, .format = FORMAT, .record = *record};
    header.crc = header_crc(&header);
    memset(page, 0xff, CHECKPOINT_PAGE_BYTES);
    memcpy(page, &header, sizeof header);
    flash->program_page(flash->context, start, page);
    checkpoint_record written;
    return read_slot(flash, slot, &written, page);
}

void checkpoint_read(const checkpoint_flash *flash, const checkpoint_slot *from, uint32_t offset, uint8_t *bytes,
                     uint32_t length) {
    flash->read(flash->context, from->slot * flash->slot_bytes + STATE_OFFSET + offset, bytes, length);
}
