#include "sparse.h"

uint32_t PRIOT_HOT sparse_list_vector(const int8_t *values, uint32_t count, sparse_element *list) {
    sparse_element *next = list;
    for (uint32_t i = 0; i < count; i++) {
        const int8_t value = values[i];
        if (value != 0) {
            *next++ = sparse_pack(i, value);
        }
    }
    return (uint32_t)(next - list);
}

uint32_t PRIOT_HOT sparse_list_map(const int8_t *map, uint32_t pixels, uint32_t channels, sparse_element *list,
                                   uint16_t *starts) {
    sparse_element *next = list;
    uint32_t index = 0;
    for (uint32_t pixel = 0; pixel < pixels; pixel++) {
        *starts++ = (uint16_t)(next - list);
        for (uint32_t end = index + channels; index < end; index++) {
            const int8_t value = map[index];
            if (value != 0) {
                *next++ = sparse_pack(index, value);
            }
        }
    }
    *starts = (uint16_t)(next - list);
    return (uint32_t)(next - list);
}
