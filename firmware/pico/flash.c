#include "flash.h"

#include <stdbool.h>
#include <string.h>

#include "engine.h"
#include "hardware/flash.h"
#include "hardware/sync.h"

#define WEIGHTS_OFFSET (PICO_FLASH_SIZE_BYTES - FLASH_WEIGHTS_BYTES)
#define CHECKPOINTS_OFFSET (WEIGHTS_OFFSET - CHECKPOINT_SLOTS * FLASH_CHECKPOINT_SLOT_BYTES)

_Static_assert(CHECKPOINT_SECTOR_BYTES == FLASH_SECTOR_SIZE && CHECKPOINT_PAGE_BYTES == FLASH_PAGE_SIZE, "the chip's");
_Static_assert(FLASH_CHECKPOINT_SLOT_BYTES % FLASH_SECTOR_SIZE == 0, "whole sectors");
_Static_assert(FLASH_WEIGHTS_BYTES >= ENGINE_MAX_EDGES, "a byte for every weight a network may have");

void flash_read_board_id(uint8_t id[FLASH_BOARD_ID_BYTES]) {
    static const uint8_t emulated[FLASH_BOARD_ID_BYTES] = {'P', 'R', 'I', 'O', 'T', 'E', 'M', 'U'};
    static const uint8_t zeros[FLASH_BOARD_ID_BYTES];
    uint32_t state = save_and_disable_interrupts();
    flash_get_unique_id(id);
    restore_interrupts(state);
    if (memcmp(id, zeros, FLASH_BOARD_ID_BYTES) == 0) {
        memcpy(id, emulated, FLASH_BOARD_ID_BYTES);
    }
}

static void erase_sector(uint32_t offset) {
    uint32_t state = save_and_disable_interrupts();
    flash_range_erase(offset, FLASH_SECTOR_SIZE);
    restore_interrupts(state);
}

static void program_page(uint32_t offset, const uint8_t *page) {
    uint32_t state = save_and_disable_interrupts();
    flash_range_program(offset, page, FLASH_PAGE_SIZE);
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

const int8_t *flash_program_weights(const int8_t *weights, uint32_t length) {
    const uint8_t *region = (const uint8_t *)(XIP_BASE + WEIGHTS_OFFSET);
    if (length > FLASH_WEIGHTS_BYTES) {
        return NULL;
    }
    for (uint32_t at = 0; at < length; at += FLASH_SECTOR_SIZE) {
        const uint8_t *bytes = (const uint8_t *)weights + at;
        uint32_t count = length - at < FLASH_SECTOR_SIZE ? length - at : FLASH_SECTOR_SIZE;
        if (memcmp(region + at, bytes, count) != 0) {
            program_sector(WEIGHTS_OFFSET + at, bytes, count);
        }
    }
    return memcmp(region, weights, length) == 0 ? (const int8_t *)region : NULL;
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
        .slot_bytes = FLASH_CHECKPOINT_SLOT_BYTES,
        .read = read_checkpoints,
        .erase_sector = erase_checkpoint_sector,
        .program_page = program_checkpoint_page,
    };
}
