/* The table of operations. Adding one: a file here, a line below, its number in engine.h and priot.proto. */
#include "operations.h"

const engine_operation *const engine_operations[ENGINE_OPERATION_COUNT] = {
    [ENGINE_CONV2D] = &engine_operation_conv2d,
    [ENGINE_LINEAR] = &engine_operation_linear,
    [ENGINE_SUM_POOL] = &engine_operation_sum_pool,
};
