/* This file says how a check refuses a network. */
#ifndef PRIOT_ENGINE_REFUSAL_H
#define PRIOT_ENGINE_REFUSAL_H

#include "engine.h"

/* Where a refusal is written, and the layer it is about: 1-based; 0: none. */
typedef struct {
    engine_fault *fault;
    uint32_t layer;
} engine_checker;

/* Fills the fault and returns `status`. `text` is a constant string. */
static inline engine_status engine_refuse(const engine_checker *check, engine_status status, const char *text,
                                          int64_t value) {
    *check->fault = (engine_fault){
        .text = text,
        .layer = check->layer,
        .value = value > INT32_MAX ? INT32_MAX : (int32_t)value,
    };
    return status;
}

#endif
