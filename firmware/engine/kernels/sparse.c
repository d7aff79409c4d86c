#include "sparse.h"

#include <string.h>

#define WORD_BYTES 4u

/* Whether four values, at a word's address, are all 0. */
static inline bool are_zero(const int8_t *values) {
    uint32_t word;
    memcpy(&word, __builtin_assume_aligned(values, WORD_BYTES), sizeof word);
    return word == 0;
}

static inline bool is_aligned(const int8_t *values) {
    return ((uintptr_t)values & (WORD_BYTES - 1)) == 0;
}

static inline sparse_element *append(sparse_element *next, uint32_t index, int8_t value) {
    if (value != 0) {
        *next++ = sparse_pack(index, value);
    }
    return next;
}

/* Four values from a word's address on. */
static inline sparse_element *append_word(sparse_element *next, uint32_t index, const int8_t *values) {
    if (!are_zero(values)) {
        next = append(next, index, values[0]);
        next = append(next, index + 1, values[1]);
        next = append(next, index + 2, values[2]);
        next = append(next, index + 3, values[3]);
    }
    return next;
}

uint32_t PRIOT_HOT sparse_list_vector(const int8_t *values, uint32_t count, sparse_element *list) {
    sparse_element *next = list;
    uint32_t index = 0;
    if (is_aligned(values)) {
        for (; index + WORD_BYTES <= count; index += WORD_BYTES) {
            next = append_word(next, index, values + index);
        }
    }
    for (; index < count; index++) {
        next = append(next, index, values[index]);
    }
    return (uint32_t)(next - list);
}

/* Pixels of one channel. */
static inline sparse_element *list_pixels(const int8_t *map, uint32_t pixels, sparse_element *list, uint16_t *starts) {
    sparse_element *next = list;
    uint32_t pixel = 0;
    while (pixel < pixels) {
        const uint16_t start = (uint16_t)(next - list);
        if (is_aligned(map + pixel) && pixel + WORD_BYTES <= pixels && are_zero(map + pixel)) {
            for (uint32_t i = 0; i < WORD_BYTES; i++) {
                *starts++ = start;
            }
            pixel += WORD_BYTES;
        } else {
            *starts++ = start;
            next = append(next, pixel, map[pixel]);
            pixel++;
        }
    }
    return next;
}

uint32_t PRIOT_HOT sparse_list_map(const int8_t *map, uint32_t pixels, uint32_t channels, sparse_element *list,
                                   uint16_t *starts) {
    sparse_element *next = list;
    if (channels == 1) {
        next = list_pixels(map, pixels, list, starts);
    } else if (channels % WORD_BYTES == 0 && is_aligned(map)) {
        for (uint32_t pixel = 0, index = 0; pixel < pixels; pixel++) {
            starts[pixel] = (uint16_t)(next - list);
            for (const uint32_t end = index + channels; index < end; index += WORD_BYTES) {
                next = append_word(next, index, map + index);
            }
        }
    } else {
        for (uint32_t pixel = 0, index = 0; pixel < pixels; pixel++) {
            starts[pixel] = (uint16_t)(next - list);
            for (const uint32_t end = index + channels; index < end; index++) {
                next = append(next, index, map[index]);
            }
        }
    }
    starts[pixels] = (uint16_t)(next - list);
    return (uint32_t)(next - list);
}
