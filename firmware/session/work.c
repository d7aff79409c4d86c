#include "work.h"

void handling_pause(void) {
    session.handling_cycles += engine_cycles() - session.handling_since;
}

void handling_resume(void) {
    session.handling_since = engine_cycles();
}

engine_status timed_open(engine_memory_plan *plan, const engine_limits *limits, engine_fault *fault) {
    handling_pause();
    const engine_status status = engine_open(engine_instance(), limits, plan, fault);
    handling_resume();
    return status;
}

engine_status timed_write_tensor(engine_tensor tensor, uint32_t offset, const byte_span *data) {
    handling_pause();
    const engine_status status = engine_write_tensor(engine_instance(), tensor, offset, data->bytes, data->length);
    handling_resume();
    return status;
}

engine_status timed_commit_tensor(engine_tensor tensor) {
    handling_pause();
    const engine_status status = engine_commit_tensor(engine_instance(), tensor);
    handling_resume();
    return status;
}

engine_status timed_read_tensor(engine_tensor tensor, uint32_t offset, uint8_t *data, uint32_t length) {
    handling_pause();
    const engine_status status = engine_read_tensor(engine_instance(), tensor, offset, data, length);
    handling_resume();
    return status;
}

uint32_t timed_evaluate(const uint8_t *image, bool frozen, uint32_t *cycles) {
    handling_pause();
    const uint32_t prediction = engine_evaluate(engine_instance(), image, frozen, cycles);
    handling_resume();
    return prediction;
}

engine_layer_checksums timed_layer_checksum(uint32_t layer) {
    handling_pause();
    const engine_layer_checksums checksums = engine_layer_checksum(engine_instance(), layer);
    handling_resume();
    return checksums;
}
