/* A fuzzer's bytes as decisions. Beyond the end everything is 0, so that a cut input still means something. */
#ifndef PRIOT_FUZZ_INPUT_H
#define PRIOT_FUZZ_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
    const uint8_t *next, *end;
} fuzz_input;

static inline bool input_left(const fuzz_input *self) {
    return self->next != self->end;
}

static inline uint8_t input_byte(fuzz_input *self) {
    return input_left(self) ? *self->next++ : 0;
}

/* Takes a number 0..limit - 1, limit up to 256. */
static inline uint32_t input_below(fuzz_input *self, uint32_t limit) {
    return input_byte(self) % limit;
}

static inline uint32_t input_u32(fuzz_input *self) {
    uint32_t value = 0;
    for (uint32_t i = 0; i < 4; i++) {
        value |= (uint32_t)input_byte(self) << (8 * i);
    }
    return value;
}

/* Takes at most `limit` bytes; how many there are is in `length`. */
static inline const uint8_t *input_bytes(fuzz_input *self, size_t limit, size_t *length) {
    const uint8_t *start = self->next;
    const size_t left = (size_t)(self->end - start);
    *length = limit < left ? limit : left;
    self->next += *length;
    return start;
}

/* Numbers near which code breaks, and any other. */
static inline uint32_t input_hostile(fuzz_input *self) {
    static const uint32_t edges[] = {
        0,        1,           7,           30,          31,         32,    33,    127,   128,      255,
        256,      1023,        1024,        1025,        4096,       65534, 65535, 65536, 1u << 20, (1u << 20) + 1,
        1u << 24, 0x7fffffffu, 0x80000000u, 0xfffffffeu, 0xffffffffu};
    const uint32_t choice = input_byte(self);
    const uint32_t count = sizeof edges / sizeof *edges;
    return choice < count ? edges[choice] : input_u32(self);
}

#endif
