/* This file makes lists of the non-zero elements of a layer's input: what the sparse kernels walk instead of the
 * map. */
#ifndef PRIOT_ENGINE_SPARSE_H
#define PRIOT_ENGINE_SPARSE_H

#include "../layer.h"

/* A non-zero element: its index in the map and its value in one word. */
typedef uint32_t sparse_element;

static inline sparse_element sparse_pack(uint32_t index, int8_t value) {
    return index << 8 | (uint8_t)value;
}
static inline uint32_t sparse_index(sparse_element element) {
    return element >> 8;
}
static inline int32_t sparse_value(sparse_element element) {
    return (int8_t)element;
}

/* Fills list[count] in map order, and starts[pixels + 1]: the elements of pixel p are list[starts[p]..starts[p + 1]).
 * `channels`: elements of a pixel. Room: one element more than the map has. */
uint32_t sparse_list_map(const int8_t *map, uint32_t pixels, uint32_t channels, sparse_element *list, uint16_t *starts);

/* Lists a vector's non-zero values, without pixels. */
uint32_t sparse_list_vector(const int8_t *values, uint32_t count, sparse_element *list);

#endif
