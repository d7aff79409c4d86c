/* This file declares the state that the files of the session share. Who includes what, from the ground up: reply.h
 * and work.h; training.c and checkpoint.c; network.c; session.c. */
#ifndef PRIOT_SESSION_INTERNAL_H
#define PRIOT_SESSION_INTERNAL_H

#include "../engine/engine.h"
#include "frame.h"
#include "messages.h"
#include "session.h"

/* Bytes of the largest frames that stream, payload + CRC (docs/wire.md, "Window"). */
#define SESSION_STEP_FRAME_BYTES(image_bytes) (37u + (image_bytes) + FRAME_CRC_BYTES)
#define SESSION_CHUNK_FRAME_BYTES (18u + SESSION_MAX_CHUNK_BYTES + FRAME_CRC_BYTES)

/* The stages of an upload, in the order in which they are written and committed. */
typedef enum { STAGE_SCORED, STAGE_BIASES, STAGE_WEIGHTS, STAGE_STATE, STAGE_COMPLETE } upload_stage;

/* What is kept of a step, so that a repeated step is answered without being applied again. */
typedef struct {
    uint32_t prediction;
    bool loss_zero;
    uint32_t cycles, forward_cycles, waiting_cycles, idle_cycles, wire_cycles;
} kept_result;

typedef struct {
    session_platform platform;
    session_identity identity;
    frame_decoder decoder;
    uint32_t frames_received, crc_errors, malformed_frames, frames_sent;

    priot_HostMessage request;
    byte_span request_blob; /* its image, tensor data or OpenNetwork, within the decoder's frame */
    priot_DeviceMessage reply;
    byte_span reply_blob;

    /* The open network. */
    uint32_t open_request_id; /* of the request that opened it; 0: none, or another Hello came since */
    engine_memory_plan plan;
    uint32_t planned_arena_bytes;
    upload_stage stage; /* the tensor that is written now */

    /* The training session. */
    bool started;
    uint8_t session_id[8];
    uint32_t first_step, next_step;
    uint32_t step_window;
    kept_result kept[SESSION_MAX_WINDOW]; /* of step n at n % SESSION_MAX_WINDOW */

    /* The newest checkpoint in flash, once it was looked for. */
    bool checkpoint_known;
    checkpoint_slot checkpoint;

    /* Cycles of handling frames and messages, without the engine and without sending. */
    uint32_t handling_cycles, handling_since;
    uint32_t idle_mark, wire_mark; /* counters when the step before was made */
} session_state;

extern session_state session;

#endif
