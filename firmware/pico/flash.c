#include "flash.h"

#include <stdbool.h>
#include <string.h>

#include "engine.h"
#include "flash_reads.h"
#include "hardware/flash.h"
#include "hardware/sync.h"
#include "hardware/timer.h"

#define REGIONS_END (2u * 1024u * 1024u)
#define WEIGHTS_OFFSET (REGIONS_END - FLASH_WEIGHTS_BYTES)
#define CHECKPOINTS_OFFSET (WEIGHTS_OFFSET - CHECKPOINT_SLOTS * FLASH_CHECKPOINT_SLOT_BYTES)

_Static_assert(CHECKPOINT_SECTOR_BYTES == FLASH_SECTOR_SIZE && CHECKPOINT_PAGE_BYTES == FLASH_PAGE_SIZE, "the chip's");
_Static_assert(FLASH_CHECKPOINT_SLOT_BYTES % FLASH_SECTOR_SIZE == 0, "whole sectors");
_Static_assert(ENGINE_FLASH_SECTOR_BYTES == FLASH_SECTOR_SIZE, "the chip's");
_Static_assert(FLASH_WEIGHTS_BYTES >= ENGINE_MAX_EDGES, "a byte for every weight a network may have");

static bool has_regions;

static uint32_t read_jedec_id(void) {
    uint8_t command[4] = {0x9f, 0, 0, 0}; /* on the stack: flash cannot be read meanwhile */
    uint8_t answer[sizeof command];
    flash_do_cmd(command, answer, sizeof command);
    return (uint32_t)answer[1] << 16 | (uint32_t)answer[2] << 8 | answer[3];
}

/* The id's last byte is the capacity as a power of two, on chips that keep to it. Whatever the chip says, one that
 * shows the image again at 1 MB has no more: writing beyond would erase the image. */
static uint32_t capacity(uint32_t jedec_id) {
    uint32_t power = jedec_id & 0xffu;
    uint32_t bytes = power >= 18u && power <= 24u ? 1u << power : REGIONS_END;
    uint32_t half = REGIONS_END / 2u;
    bool repeats = memcmp((const void *)XIP_BASE, (const void *)(XIP_BASE + half), FLASH_SECTOR_SIZE) == 0;
    return repeats && bytes > half ? half : bytes;
}

flash_identity flash_init(void) {
    flash_identity identity;
    flash_get_unique_id(identity.board_id);
    identity.jedec_id = read_jedec_id();
    flash_reads_init(identity.jedec_id);
    identity.bytes = capacity(identity.jedec_id);
    has_regions = identity.bytes >= REGIONS_END;
    identity.weights_bytes = has_regions ? FLASH_WEIGHTS_BYTES : 0;
    return identity;
}

static void erase_sector(uint32_t offset) {
    uint32_t state = save_and_disable_interrupts();
    flash_range_erase(offset, FLASH_SECTOR_SIZE);
    flash_reads_resume();
    restore_interrupts(state);
}

static void program_page(uint32_t offset, const uint8_t *page) {
    uint32_t state = save_and_disable_interrupts();
    flash_range_program(offset, page, FLASH_PAGE_SIZE);
    flash_reads_resume();
    restore_interrupts(state);
}

static void program_sector(uint32_t offset, const uint8_t *bytes, uint32_t length) {
    uint8_t page[FLASH_PAGE_SIZE];
    erase_sector(offset);
    for (uint32_t at = 0; at < length; at += FLASH_PAGE_SIZE) {
        uint32_t count = length - at < FLASH_PAGE_SIZE ? length - at : FLASH_PAGE_SIZE;
        memset(page, 0xff, sizeof page);
        memcpy(page, bytes + at, count);
        program_page(offset + at, page);
    }
}

const int8_t *flash_program_weights(uint32_t offset, const int8_t *weights, uint32_t length) {
    const uint8_t *region = (const uint8_t *)(XIP_BASE + WEIGHTS_OFFSET + offset);
    if (!has_regions || offset > FLASH_WEIGHTS_BYTES || length > FLASH_WEIGHTS_BYTES - offset) {
        return NULL;
    }
    for (uint32_t at = 0; at < length; at += FLASH_SECTOR_SIZE) {
        const uint8_t *bytes = (const uint8_t *)weights + at;
        uint32_t count = length - at < FLASH_SECTOR_SIZE ? length - at : FLASH_SECTOR_SIZE;
        if (memcmp(region + at, bytes, count) != 0) {
            program_sector(WEIGHTS_OFFSET + offset + at, bytes, count);
        }
    }
    return memcmp(region, weights, length) == 0 ? (const int8_t *)region : NULL;
}

/* Bytes of the sector that are not `even` in pages of even number and `uneven` in the others. */
static uint32_t wrong_bytes(const uint8_t *sector, uint8_t even, uint8_t uneven) {
    uint32_t wrong = 0;
    for (uint32_t at = 0; at < FLASH_SECTOR_SIZE; at++) {
        wrong += sector[at] != ((at / FLASH_PAGE_SIZE) % 2u == 0 ? even : uneven);
    }
    return wrong;
}

/* Every second page of the sector, from page `first` on. */
static void program_pages(uint32_t offset, uint32_t first, uint8_t byte) {
    uint8_t page[FLASH_PAGE_SIZE];
    memset(page, byte, sizeof page);
    for (uint32_t at = first * FLASH_PAGE_SIZE; at < FLASH_SECTOR_SIZE; at += 2u * FLASH_PAGE_SIZE) {
        program_page(offset + at, page);
    }
}

uint32_t flash_self_test(uint32_t *values) {
    const uint32_t offset = REGIONS_END - FLASH_SECTOR_SIZE;
    const uint8_t *sector = (const uint8_t *)(XIP_BASE + offset);
    if (!has_regions) {
        return 0;
    }
    uint32_t start = time_us_32();
    erase_sector(offset);
    uint32_t erased = time_us_32();
    values[0] = wrong_bytes(sector, 0xff, 0xff);
    uint32_t programming = time_us_32();
    program_pages(offset, 0, 0x5a);
    program_pages(offset, 1, 0xa5);
    uint32_t programmed = time_us_32();
    values[1] = wrong_bytes(sector, 0x5a, 0xa5);
    program_pages(offset, 0, 0xf0); /* bits are only cleared: 0x5a & 0xf0 stays */
    values[2] = wrong_bytes(sector, 0x50, 0xa5);
    erase_sector(offset);
    values[3] = wrong_bytes(sector, 0xff, 0xff);
    values[4] = erased - start;
    values[5] = (programmed - programming) / (FLASH_SECTOR_SIZE / FLASH_PAGE_SIZE);
    return 6;
}

static void read_checkpoints(void *context, uint32_t offset, uint8_t *bytes, uint32_t length) {
    (void)context;
    memcpy(bytes, (const uint8_t *)(XIP_BASE + CHECKPOINTS_OFFSET + offset), length);
}

static void erase_checkpoint_sector(void *context, uint32_t offset) {
    (void)context;
    erase_sector(CHECKPOINTS_OFFSET + offset);
}

static void program_checkpoint_page(void *context, uint32_t offset, const uint8_t *page) {
    (void)context;
    program_page(CHECKPOINTS_OFFSET + offset, page);
}

checkpoint_flash flash_checkpoints(void) {
    return (checkpoint_flash){
        .slot_bytes = has_regions ? FLASH_CHECKPOINT_SLOT_BYTES : 0,
        .read = read_checkpoints,
        .erase_sector = erase_checkpoint_sector,
        .program_page = program_checkpoint_page,
    };
}
