#include "flash.h"

#include <stdbool.h>
#include <string.h>

#include "engine.h"
#include "hardware/flash.h"
#include "hardware/sync.h"

#define WEIGHTS_OFFSET (PICO_FLASH_SIZE_BYTES - FLASH_WEIGHTS_BYTES)

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

/* Code in flash cannot run meanwhile, interrupt handlers included. */
static void program_sector(uint32_t offset, const uint8_t *bytes, uint32_t length) {
    uint8_t page[FLASH_PAGE_SIZE];
    uint32_t state = save_and_disable_interrupts();
    flash_range_erase(offset, FLASH_SECTOR_SIZE);
    restore_interrupts(state);
    for (uint32_t at = 0; at < length; at += FLASH_PAGE_SIZE) {
        uint32_t count = length - at < FLASH_PAGE_SIZE ? length - at : FLASH_PAGE_SIZE;
        memset(page, 0xff, sizeof page);
        memcpy(page, bytes + at, count);
        state = save_and_disable_interrupts();
        flash_range_program(offset + at, page, FLASH_PAGE_SIZE);
        restore_interrupts(state);
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
