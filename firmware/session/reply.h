/* This file says how a handler answers: it fills `session.reply`, one of these functions first, and returns;
 * session.c sends it. */
#ifndef PRIOT_REPLY_H
#define PRIOT_REPLY_H

#include "session_internal.h"

/* Begins a reply with an empty body. */
void reply_begin(pb_size_t which_body);
void reply_done(void);
void reply_failure(priot_FailureCode code, const char *text);
void reply_failure_at(priot_FailureCode code, const char *text, uint32_t layer, int32_t value);
/* Replies with the failure of a status other than ENGINE_OK. */
void reply_engine_failure(engine_status status, const engine_fault *fault);

/* Copies a text that is cut to the wire's bound. */
void reply_copy_text(char *to, size_t size, const char *text);

/* Answers and returns false when a chunk of a tensor of `bytes` is empty, too long or not within it. */
bool check_chunk(uint32_t bytes, uint32_t offset, uint32_t length);
/* Answers with a chunk of a tensor; returns where its data go. */
uint8_t *reply_tensor_data(const priot_ReadTensor *request);

/* Returns how many frames of up to `frame_bytes` (payload + CRC) may be in flight: 1..SESSION_MAX_WINDOW. */
uint32_t session_window(uint32_t frame_bytes);

#endif
