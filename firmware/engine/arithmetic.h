/* This file holds the primitives of docs/arithmetic.md, "Primitives". Shifts are 0..30. `>>` of a negative value is
 * arithmetic on every compiler this is built with (implementation-defined in C11, checked at compile time below). */
#ifndef PRIOT_ENGINE_ARITHMETIC_H
#define PRIOT_ENGINE_ARITHMETIC_H

#include <stdint.h>

_Static_assert((-1 >> 1) == -1, "right shifts of negative values must be arithmetic");

#define INT8_LIMIT 127
/* The limits of the shift that brings biases to the accumulators' scale. */
#define BIAS_SHIFT_MIN (-30)
#define BIAS_SHIFT_MAX 14

static inline int32_t absolute(int32_t value) {
    return value < 0 ? -value : value;
}

/* Rounds half up: R of docs/arithmetic.md. */
static inline int32_t round_shift(int32_t value, uint32_t shift) {
    return shift == 0 ? value : (value + (int32_t)(1u << (shift - 1))) >> shift;
}

/* Returns what R needs in a loop: the half that it adds before shifting. */
static inline int32_t rounding_half(uint32_t shift) {
    return shift == 0 ? 0 : (int32_t)(1u << (shift - 1));
}

/* Clamps into -127..127: C of docs/arithmetic.md. */
static inline int8_t clamp_int8(int32_t value) {
    if (value > INT8_LIMIT) {
        return INT8_LIMIT;
    }
    return (int8_t)(value < -INT8_LIMIT ? -INT8_LIMIT : value);
}

/* Rounds pseudo-stochastically as NITI does (arXiv 2009.13108), P of docs/arithmetic.md: the upper half of the dropped
 * bits against the lower. */
static inline int32_t pseudo_stochastic_shift(int32_t value, uint32_t shift) {
    if (shift == 0) {
        return value;
    }
    const uint32_t magnitude = (uint32_t)absolute(value);
    const uint32_t half = shift >> 1;
    const uint32_t remainder = magnitude & ((1u << shift) - 1u);
    uint32_t draw = remainder & ((1u << half) - 1u);
    if (shift & 1u) {
        draw <<= 1;
    }
    const uint32_t rounded = (magnitude >> shift) + ((remainder >> half) > draw ? 1u : 0u);
    return value < 0 ? -(int32_t)rounded : (int32_t)rounded;
}

/* Returns the bit width b: 0 for 0, else ceil(log2 magnitude). */
static inline uint32_t bit_width(uint32_t magnitude) {
    uint32_t bits = 0;
    while (bits < 31 && (1u << bits) < magnitude) {
        bits++;
    }
    return bits;
}

/* Returns max|t| over a tensor. */
static inline uint32_t maximum_magnitude(const int32_t *values, uint32_t count) {
    uint32_t maximum = 0;
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t magnitude = (uint32_t)absolute(values[i]);
        maximum = magnitude > maximum ? magnitude : maximum;
    }
    return maximum;
}

static inline uint32_t subtract_to_zero(uint32_t value, uint32_t amount) {
    return value > amount ? value - amount : 0;
}

/* Returns the shift of niti-dynamic that brings a tensor into the range of int8. */
static inline uint32_t dynamic_shift(const int32_t *values, uint32_t count) {
    return subtract_to_zero(bit_width(maximum_magnitude(values, count)), 7);
}

/* Clamps an int32. */
static inline int32_t clamp_between(int32_t value, int32_t least, int32_t most) {
    const int32_t raised = value < least ? least : value;
    return raised > most ? most : raised;
}

static inline uint32_t larger_of(uint32_t a, uint32_t b) {
    return a > b ? a : b;
}

#endif
