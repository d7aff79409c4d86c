/* This file declares the part of <string.h> that engine, session and nanopb use; there is no C library in the
 * simulator. */
#ifndef PRIOT_WASM_STRING_H
#define PRIOT_WASM_STRING_H

#include <stddef.h>

void *memcpy(void *to, const void *from, size_t length);
void *memmove(void *to, const void *from, size_t length);
void *memset(void *to, int value, size_t length);
int memcmp(const void *a, const void *b, size_t length);
size_t strlen(const char *text);

#endif
