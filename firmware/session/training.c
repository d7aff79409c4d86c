/* The training session: every step exactly once (docs/wire.md), and evaluation. */
#include "handlers.h"
#include "reply.h"
#include "work.h"

#include <string.h>

void end_session(void) {
    session.started = false;
    session.first_step = 0;
    session.next_step = 0;
    session.step_window = 0;
}

static uint32_t wire_cycles(void) {
    return session.platform.wire_cycles(session.platform.context) + session.handling_cycles;
}

void begin_counting(void) {
    session.idle_mark = session.platform.idle_cycles(session.platform.context);
    session.wire_mark = wire_cycles();
}

void handle_start_session(const priot_StartSession *request) {
    if (!engine_is_open(engine_instance()) || session.stage != STAGE_COMPLETE) {
        reply_failure(priot_FailureCode_FAILURE_CODE_WRONG_ORDER, "a session needs an open network and its state");
        return;
    }
    if (session.started) {
        /* A repeated request changes nothing; another one would leave the state behind that it starts from. */
        bool repeated = memcmp(session.session_id, request->session_id, sizeof session.session_id) == 0 &&
                        session.first_step == request->next_step;
        if (repeated) {
            reply_done();
        } else {
            reply_failure(priot_FailureCode_FAILURE_CODE_WRONG_ORDER,
                          "a session runs; open the network again to start another");
        }
        return;
    }
    memcpy(session.session_id, request->session_id, sizeof session.session_id);
    session.first_step = request->next_step;
    session.next_step = request->next_step;
    session.step_window = session_window(SESSION_STEP_FRAME_BYTES(engine_image_bytes(engine_instance())));
    session.started = true;
    reply_done();
}

/* All bytes combined by OR in the lowest byte; what is above means nothing. */
static uint32_t byte_union(const byte_span *span) {
    const uint8_t *next = span->bytes;
    const uint8_t *end = next + span->length;
    uint32_t seen = 0;
    while (next != end && ((uintptr_t)next & 3u) != 0) {
        seen |= *next++;
    }
    const uint8_t *last_word = next + ((size_t)(end - next) & ~(size_t)3u);
    uint32_t words = 0;
    while (next != last_word) {
        uint32_t word;
        memcpy(&word, __builtin_assume_aligned(next, 4), sizeof word);
        words |= word;
        next += sizeof word;
    }
    while (next != end) {
        seen |= *next++;
    }
    return seen | words | words >> 8 | words >> 16 | words >> 24;
}

/* Answers and returns false when the request's image is not one of the open network. */
static bool check_image(void) {
    const byte_span *image = &session.request_blob;
    if (image->length != engine_image_bytes(engine_instance())) {
        reply_failure_at(priot_FailureCode_FAILURE_CODE_OUT_OF_RANGE, "an image of another size than the network's", 0,
                         (int32_t)image->length);
        return false;
    }
    if ((byte_union(image) & 0x80u) != 0) {
        reply_failure(priot_FailureCode_FAILURE_CODE_OUT_OF_RANGE, "a pixel beyond 127");
        return false;
    }
    return true;
}

static void reply_step_result(uint32_t step, bool already_applied) {
    const kept_result *kept = &session.kept[step % SESSION_MAX_WINDOW];
    reply_begin(priot_DeviceMessage_step_result_tag);
    priot_StepResult *reply = &session.reply.body.step_result;
    reply->step = step;
    reply->already_applied = already_applied;
    reply->prediction = kept->prediction;
    reply->loss_zero = kept->loss_zero;
    reply->cycles = kept->cycles;
    reply->forward_cycles = kept->forward_cycles;
    reply->idle_cycles = kept->idle_cycles;
    reply->wire_cycles = kept->wire_cycles;
    reply->waiting_cycles = kept->waiting_cycles;
}

static void add_step_detail(void) {
    const engine *trained = engine_instance();
    int8_t loss_gradient[ENGINE_MAX_OUTPUTS];
    priot_StepResult *reply = &session.reply.body.step_result;
    uint32_t outputs = engine_output_count(trained);
    uint32_t layers = engine_layer_count(trained);
    engine_step_detail(trained, reply->logits, loss_gradient);
    reply->logits_count = (pb_size_t)outputs;
    reply->loss_gradient.size = (pb_size_t)outputs;
    memcpy(reply->loss_gradient.bytes, loss_gradient, outputs);
    reply->layers_count = (pb_size_t)layers;
    for (uint32_t l = 0; l < layers; l++) {
        const engine_layer_checksums checksums = timed_layer_checksum(l);
        reply->layers[l] =
            (priot_LayerChecksums){.input = checksums.input, .delta = checksums.delta, .state = checksums.state};
    }
}

static void add_step_ledger(void) {
    const engine *trained = engine_instance();
    priot_StepResult *reply = &session.reply.body.step_result;
    uint32_t layers = engine_layer_count(trained);
    for (uint32_t l = 0; l < layers; l++) {
        const uint32_t *phases = engine_ledger(trained, l);
        for (uint32_t phase = 0; phase < ENGINE_PHASE_COUNT; phase++) {
            reply->phase_cycles[reply->phase_cycles_count++] = phases[phase];
        }
    }
}

static void apply_step(const priot_Step *request) {
    uint32_t idle = session.platform.idle_cycles(session.platform.context);
    engine_step_result result;
    handling_pause();
    uint32_t wire = wire_cycles();
    engine_step(engine_instance(), session.request_blob.bytes, request->label, &result);
    handling_resume();
    session.kept[request->step % SESSION_MAX_WINDOW] = (kept_result){
        .prediction = result.prediction,
        .loss_zero = result.loss_zero,
        .cycles = result.cycles,
        .forward_cycles = result.forward_cycles,
        .waiting_cycles = result.waiting_cycles,
        .idle_cycles = idle - session.idle_mark,
        .wire_cycles = wire - session.wire_mark,
    };
    session.idle_mark = idle;
    session.wire_mark = wire;
    session.next_step++;
}

void handle_step(const priot_Step *request) {
    if (request->boot_id != session.identity.boot_id) {
        reply_failure(priot_FailureCode_FAILURE_CODE_WRONG_BOOT, "the device was reset since");
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
    if (request->step < session.next_step) {
        bool kept = request->step >= session.first_step && session.next_step - request->step <= SESSION_MAX_WINDOW;
        if (kept) {
            reply_step_result(request->step, true);
        } else {
            reply_failure(priot_FailureCode_FAILURE_CODE_TOO_OLD, "the result of this step is not kept any more");
        }
        return;
    }
    /* The last step number is never within a window: next_step cannot wrap. */
    if (request->step - session.next_step >= session.step_window || request->step == UINT32_MAX) {
        reply_failure(priot_FailureCode_FAILURE_CODE_BEYOND_WINDOW, "a step beyond the window");
        return;
    }
    if (request->step > session.next_step) {
        reply_begin(priot_DeviceMessage_gap_tag);
        session.reply.body.gap.next_step = session.next_step;
        return;
    }
    if (request->label >= engine_output_count(engine_instance())) {
        reply_failure_at(priot_FailureCode_FAILURE_CODE_OUT_OF_RANGE, "a label beyond the network's outputs", 0,
                         (int32_t)request->label);
        return;
    }
    if (!check_image()) {
        return;
    }
    apply_step(request);
    reply_step_result(request->step, false);
    if (request->ledger) {
        add_step_ledger();
    }
    if (request->detail) {
        add_step_detail();
    }
}

void handle_evaluate(const priot_Evaluate *request) {
    upload_stage needed = request->frozen ? STAGE_STATE : STAGE_COMPLETE;
    if (!engine_is_open(engine_instance()) || session.stage < needed) {
        reply_failure(priot_FailureCode_FAILURE_CODE_WRONG_ORDER,
                      request->frozen ? "a frozen evaluation needs an open network and its weights"
                                      : "an evaluation needs an open network and its state");
        return;
    }
    if (!check_image()) {
        return;
    }
    uint32_t cycles = 0;
    uint32_t prediction = timed_evaluate(session.request_blob.bytes, request->frozen, &cycles);
    reply_begin(priot_DeviceMessage_evaluation_tag);
    session.reply.body.evaluation =
        (priot_Evaluation){.index = request->index, .prediction = prediction, .cycles = cycles};
    if (request->logits) {
        const uint32_t outputs = engine_output_count(engine_instance());
        priot_Evaluation *reply = &session.reply.body.evaluation;
        reply->logits_count = (pb_size_t)outputs;
        memcpy(reply->logits, engine_logits(engine_instance()), outputs * sizeof *reply->logits);
    }
}
