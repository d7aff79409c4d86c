/* The flash chip: the board's identity, and a region at its end for frozen weights. */
#ifndef PRIOT_FLASH_H
#define PRIOT_FLASH_H

#include <stdint.h>

#define FLASH_BOARD_ID_BYTES 8u
#define FLASH_WEIGHTS_BYTES (1024u * 1024u)

/* The chip's unique id. An emulated chip has none, reads as zeros and becomes "PRIOTEMU". */
void flash_read_board_id(uint8_t id[FLASH_BOARD_ID_BYTES]);

/* Programs `weights` (in RAM, length > 0) and returns where they can be read, or NULL when they do not fit or do not
 * read back. Sectors that hold the right bytes already are left alone. Interrupts are masked for up to one sector. */
const int8_t *flash_program_weights(const int8_t *weights, uint32_t length);

#endif
