/* <string.h> for the simulator. The first three become single bulk-memory instructions (-mbulk-memory). */
#include <string.h>

#include <stdint.h>

void *memcpy(void *to, const void *from, size_t length) {
    return __builtin_memcpy(to, from, length);
}

void *memmove(void *to, const void *from, size_t length) {
    return __builtin_memmove(to, from, length);
}

void *memset(void *to, int value, size_t length) {
    return __builtin_memset(to, value, length);
}

int memcmp(const void *a, const void *b, size_t length) {
    const uint8_t *left = a;
    const uint8_t *right = b;
    for (size_t i = 0; i < length; i++) {
        if (left[i] != right[i]) {
            return left[i] - right[i];
        }
    }
    return 0;
}

size_t strlen(const char *text) {
    const char *end = text;
    while (*end != '\0') {
        end++;
    }
    return (size_t)(end - text);
}
