#include "sparse.h"

static inline sparse_element *append(sparse_element *next, uint32_t index, int8_t value) {
    if (value != 0) {
        *next++ = sparse_pack(index, value);
    }
    return next;
}

uint32_t PRIOT_HOT sparse_list_vector(const int8_t *values, uint32_t count, sparse_element *list) {
    sparse_element *next = list;
    for (uint32_t i = 0; i < count; i++) {
        next = append(next, i, values[i]);
    }
    return (uint32_t)(next - list);
}

uint32_t PRIOT_HOT sparse_list_map(const int8_t *map, uint32_t pixels, uint32_t channels, sparse_element *list,
                                   uint16_t *starts) {
    sparse_element *next = list;
    uint32_t index = 0;
    for (uint32_t pixel = 0; pixel < pixels; pixel++) {
        *starts++ = (uint16_t)(next - list);
        for (const uint32_t end = index + channels; index < end; index++) {
            next = append(next, index, map[index]);
        }
    }
    *starts = (uint16_t)(next - list);
    return (uint32_t)(next - list);
}
