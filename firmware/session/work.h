/* This file does the engine's work and flash's, which a request may ask for. Only the rest, the handling of frames
 * and messages, counts as wire cycles: every function here stops that clock. */
#ifndef PRIOT_WORK_H
#define PRIOT_WORK_H

#include "session_internal.h"

/* Stops the clock of handling and starts it again: around whatever is not handling. */
void handling_pause(void);
void handling_resume(void);

/* engine.h: the functions of the same names, on the one engine. */
engine_status timed_open(engine_memory_plan *plan, const engine_limits *limits, engine_fault *fault);
engine_status timed_write_tensor(engine_tensor tensor, uint32_t offset, const byte_span *data);
engine_status timed_commit_tensor(engine_tensor tensor);
engine_status timed_read_tensor(engine_tensor tensor, uint32_t offset, uint8_t *data, uint32_t length);
uint32_t timed_evaluate(const uint8_t *image, bool frozen, uint32_t *cycles);
engine_layer_checksums timed_layer_checksum(uint32_t layer);

#endif
