/* The device's own checkpoint: saved when the host asks for it, told and read back on any host. It takes no part in
 * the session that runs: who goes on from it uploads its state like any other. */
#include "handlers.h"
#include "reply.h"
#include "work.h"

#include <string.h>

_Static_assert(SESSION_MAX_FRAME_BYTES >= CHECKPOINT_PAGE_BYTES, "the request's frame is the page to work with");

static void read_state(uint32_t offset, uint8_t *bytes, uint32_t length) {
    engine_read_tensor(engine_instance(), ENGINE_STATE, offset, bytes, length);
}

/* The request is decoded, so its frame's memory is free. */
static uint8_t *free_page(void) {
    return session.decoder.frame;
}

static void look_for_checkpoint(void) {
    if (!session.checkpoint_known) {
        session.checkpoint = checkpoint_find(&session.platform.checkpoints, free_page());
        session.checkpoint_known = true;
    }
}

static void reply_checkpoint(void) {
    const checkpoint_record *record = &session.checkpoint.record;
    reply_begin(priot_DeviceMessage_checkpoint_tag);
    priot_Checkpoint *reply = &session.reply.body.checkpoint;
    reply->sequence = record->sequence;
    memcpy(reply->session_id, record->session_id, sizeof reply->session_id);
    reply->next_step = record->next_step;
    memcpy(reply->training_id, record->training_id, sizeof reply->training_id);
    reply->state_bytes = record->state_bytes;
    reply->state_crc = record->state_crc;
}

/* Answers and returns false when the device keeps no checkpoints. */
static bool has_flash(void) {
    if (checkpoint_capacity(&session.platform.checkpoints) > 0) {
        return true;
    }
    reply_failure(priot_FailureCode_FAILURE_CODE_UNSUPPORTED, "this device has no flash for checkpoints");
    return false;
}

static bool same(const checkpoint_record *a, const checkpoint_record *b) {
    return a->next_step == b->next_step && a->state_bytes == b->state_bytes && a->state_crc == b->state_crc &&
           memcmp(a->session_id, b->session_id, sizeof a->session_id) == 0 &&
           memcmp(a->training_id, b->training_id, sizeof a->training_id) == 0;
}

/* False: the flash does not hold what was programmed. */
static bool save(checkpoint_record *record) {
    const checkpoint_flash *flash = &session.platform.checkpoints;
    record->state_crc = checkpoint_state_crc(read_state, record->state_bytes, free_page());
    look_for_checkpoint();
    if (session.checkpoint.whole && same(&session.checkpoint.record, record)) {
        return true; /* the same request once more: nothing wears */
    }
    bool saved = checkpoint_save(flash, &session.checkpoint, record, read_state, free_page());
    session.checkpoint_known = false;
    look_for_checkpoint();
    return saved;
}

void handle_save_checkpoint(const priot_SaveCheckpoint *request) {
    if (!has_flash()) {
        return;
    }
    if (!session.started) {
        reply_failure(priot_FailureCode_FAILURE_CODE_WRONG_ORDER, "no session was started");
        return;
    }
    if (memcmp(request->session_id, session.session_id, sizeof session.session_id) != 0) {
        reply_failure(priot_FailureCode_FAILURE_CODE_WRONG_SESSION, "another session runs");
        return;
    }
    if (request->next_step != session.next_step) {
        reply_failure(priot_FailureCode_FAILURE_CODE_WRONG_ORDER, "the session is before another step");
        return;
    }
    checkpoint_record record = {.next_step = request->next_step,
                                .state_bytes = engine_tensor_bytes(engine_instance(), ENGINE_STATE)};
    memcpy(record.session_id, request->session_id, sizeof record.session_id);
    memcpy(record.training_id, request->training_id, sizeof record.training_id);
    if (record.state_bytes > checkpoint_capacity(&session.platform.checkpoints)) {
        reply_failure_at(priot_FailureCode_FAILURE_CODE_OUT_OF_MEMORY, "a state larger than the flash for checkpoints",
                         0, (int32_t)record.state_bytes);
        return;
    }
    handling_pause();
    bool saved = save(&record);
    handling_resume();
    if (!saved) {
        reply_failure(priot_FailureCode_FAILURE_CODE_FLASH, "the checkpoint could not be programmed into flash");
        return;
    }
    reply_checkpoint();
}

void handle_read_checkpoint(void) {
    if (!has_flash()) {
        return;
    }
    handling_pause();
    look_for_checkpoint();
    handling_resume();
    reply_checkpoint();
}

void handle_read_checkpoint_state(const priot_ReadTensor *request) {
    if (!has_flash()) {
        return;
    }
    handling_pause();
    look_for_checkpoint();
    handling_resume();
    if (!session.checkpoint.whole) {
        reply_failure(priot_FailureCode_FAILURE_CODE_WRONG_ORDER, "the device holds no checkpoint");
        return;
    }
    if (!check_chunk(session.checkpoint.record.state_bytes, request->offset, request->length)) {
        return;
    }
    uint8_t *data = reply_tensor_data(request);
    handling_pause();
    checkpoint_read(&session.platform.checkpoints, &session.checkpoint, request->offset, data, request->length);
    handling_resume();
}
