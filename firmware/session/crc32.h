/* This file computes CRC-32/ISO-HDLC: polynomial 0x04C11DB7 reflected, initial value and final XOR 0xFFFFFFFF. */
#ifndef PRIOT_CRC32_H
#define PRIOT_CRC32_H

#include <stddef.h>
#include <stdint.h>

/* Returns the CRC of what has the CRC `before` (of nothing: 0) and `length` bytes more. */
uint32_t crc32_continue(uint32_t before, const uint8_t *bytes, size_t length);

/* Returns the CRC of `length` bytes; of "123456789" it is 0xCBF43926. */
static inline uint32_t crc32(const uint8_t *bytes, size_t length) {
    return crc32_continue(0, bytes, length);
}

#endif
