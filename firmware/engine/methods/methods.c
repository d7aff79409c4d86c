/* The table of training methods. Adding one: a file here, a line below, its number in engine.h and priot.proto. */
#include "methods.h"

const engine_method_operations *const engine_methods[ENGINE_METHOD_COUNT] = {
    [ENGINE_PRIOT] = &engine_method_priot,
    [ENGINE_PRIOT_S] = &engine_method_priot_s,
    [ENGINE_NITI_STATIC] = &engine_method_niti_static,
    [ENGINE_NITI_DYNAMIC] = &engine_method_niti_dynamic,
};
