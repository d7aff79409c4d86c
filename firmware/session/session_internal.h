/* What the files of the session share: its state, and how a handler answers. A handler fills `session.reply` (one of
 * the reply_ functions first) and returns; session.c sends it. */
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
typedef enum { STAGE_SCORED, STAGE_WEIGHTS, STAGE_STATE, STAGE_COMPLETE } upload_stage;

/* What is kept of a step, so that a repeated step is answered without being applied again. */
typedef struct {
    uint32_t prediction;
    bool loss_zero;
    uint32_t cycles, forward_cycles, idle_cycles, wire_cycles;
} kept_result;

typedef struct {
    session_platform platform;
    session_identity identity;
    frame_decoder decoder;
    uint32_t frames_received, crc_errors, malformed_frames, frames_sent;

    priot_HostMessage request;
    byte_span request_blob; /* its image or tensor data, within the decoder's frame */
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

/* Frames of up to `frame_bytes` (payload + CRC) that may be in flight: 1..SESSION_MAX_WINDOW. */
uint32_t session_window(uint32_t frame_bytes);

void reply_begin(pb_size_t which_body);
void reply_done(void);
void reply_failure(priot_FailureCode code, const char *text);
void reply_failure_at(priot_FailureCode code, const char *text, uint32_t layer, int32_t value);
/* Replies with the failure of a status other than ENGINE_OK. */
void reply_engine_failure(engine_status status, const engine_fault *fault);

/* Around whatever is not handling of frames and messages. */
void handling_pause(void);
void handling_resume(void);

/* network.c */
void handle_open_network(const priot_OpenNetwork *request);
void handle_write_tensor(const priot_WriteTensor *request);
void handle_commit_tensor(const priot_CommitTensor *request);
void handle_read_tensor(const priot_ReadTensor *request);

/* Answers and returns false when a chunk of a tensor of `bytes` is empty, too long or not within it. */
bool check_chunk(uint32_t bytes, uint32_t offset, uint32_t length);
/* Answers with a chunk of a tensor, where the answer to the request that is handled may keep it. */
uint8_t *reply_tensor_data(const priot_ReadTensor *request);

/* checkpoint.c */
void handle_save_checkpoint(const priot_SaveCheckpoint *request);
void handle_read_checkpoint(void);
void handle_read_checkpoint_state(const priot_ReadTensor *request);

/* training.c */
void handle_start_session(const priot_StartSession *request);
void handle_step(const priot_Step *request);
void handle_evaluate(const priot_Evaluate *request);
/* The session ends, because the network it trains does. */
void end_session(void);

#endif
