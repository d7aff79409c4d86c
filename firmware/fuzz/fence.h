/* Forced into layout.c when fuzzing: a gap behind every array of the arena, which AddressSanitizer reports on access.
 */
#ifndef PRIOT_FUZZ_FENCE_H
#define PRIOT_FUZZ_FENCE_H

#include <sanitizer/asan_interface.h>

#define ENGINE_FENCE_BYTES 32u
/* Opens what an earlier plan had fenced. The rounding up to whole words is part of the fence. */
#define ENGINE_FENCE(array, bytes, end)                                                                                \
    (ASAN_UNPOISON_MEMORY_REGION(array, bytes),                                                                        \
     ASAN_POISON_MEMORY_REGION((array) + (bytes), (size_t)((end) - ((array) + (bytes)))))

#endif
