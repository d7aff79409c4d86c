/* What must hold whatever the input is. A failed check is a finding, as a sanitizer's report is. */
#ifndef PRIOT_FUZZ_CHECK_H
#define PRIOT_FUZZ_CHECK_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define CHECK(condition)                                                                                               \
    ((condition) ? (void)0 : (fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #condition), abort()))

/* Runs one input; libFuzzer calls it for every one. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
