/* CRC-32/ISO-HDLC: polynomial 0x04C11DB7 reflected, initial value and final XOR 0xFFFFFFFF. */
#ifndef PRIOT_CRC32_H
#define PRIOT_CRC32_H

#include <stddef.h>
#include <stdint.h>

/* Of `length` bytes; of "123456789" it is 0xCBF43926. */
uint32_t crc32(const uint8_t *bytes, size_t length);

#endif
