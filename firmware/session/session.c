/* Receives frames, dispatches requests, sends replies; answers what concerns the device itself. */
#include "handlers.h"
#include "reply.h"
#include "work.h"

#include <string.h>

#define REPLY_PAYLOAD_OFFSET FRAME_PAYLOAD_OFFSET(SESSION_MAX_REPLY_BYTES)

_Static_assert(MESSAGE_ENVELOPE_BYTES + priot_StepResult_size + FRAME_CRC_BYTES <= SESSION_MAX_REPLY_BYTES,
               "StepResult");
_Static_assert(MESSAGE_ENVELOPE_BYTES + 11u + SESSION_MAX_CHUNK_BYTES + FRAME_CRC_BYTES <= SESSION_MAX_REPLY_BYTES,
               "TensorData");
_Static_assert(SESSION_STEP_FRAME_BYTES(SESSION_MAX_IMAGE_BYTES) <= SESSION_MAX_FRAME_BYTES, "Step");

static uint8_t reply_buffer[FRAME_WIRE_BYTES(SESSION_MAX_REPLY_BYTES)];

void session_init(const session_platform *platform, const session_identity *identity) {
    memset(&session, 0, sizeof session);
    session.platform = *platform;
    session.identity = *identity;
}

static void send_reply(uint32_t request_id) {
    priot_DeviceMessage *reply = &session.reply;
    reply->request_id = request_id;
    reply->next_step = session.next_step;
    uint32_t beyond = UINT32_MAX - session.next_step;
    reply->window_end = session.next_step + (session.step_window < beyond ? session.step_window : beyond);
    size_t payload_bytes = message_encode(reply, &session.reply_blob, reply_buffer + REPLY_PAYLOAD_OFFSET,
                                          SESSION_MAX_REPLY_BYTES - FRAME_CRC_BYTES);
    size_t wire_bytes = frame_encode(reply_buffer, REPLY_PAYLOAD_OFFSET, payload_bytes);
    session.frames_sent++;
    handling_pause();
    session.platform.send(session.platform.context, reply_buffer, wire_bytes);
    handling_resume();
}

/* ---- the device itself ------------------------------------------------------------------------------------------ */

static void handle_hello(void) {
    const session_identity *identity = &session.identity;
    session.open_request_id = 0; /* request ids begin anew with the host that says Hello */
    reply_begin(priot_DeviceMessage_hello_tag);
    priot_HelloReply *reply = &session.reply.body.hello;
    reply->protocol_version = SESSION_PROTOCOL_VERSION;
    reply_copy_text(reply->firmware_commit, sizeof reply->firmware_commit, identity->firmware_commit);
    reply_copy_text(reply->firmware_compiler, sizeof reply->firmware_compiler, identity->firmware_compiler);
    reply_copy_text(reply->firmware_flags, sizeof reply->firmware_flags, identity->firmware_flags);
    memcpy(reply->board_id, identity->board_id, sizeof reply->board_id);
    reply->boot_id = identity->boot_id;
    reply->reset_cause = (priot_ResetCause)identity->reset_cause;
    reply->has_last_panic = identity->has_panic;
    reply->last_panic.program_counter = identity->panic_program_counter;
    reply->last_panic.link_register = identity->panic_link_register;
    reply_copy_text(reply->last_panic.reason, sizeof reply->last_panic.reason, identity->panic_reason);
    reply->clock_hz = identity->clock_hz;
    reply->sram_bytes = identity->sram_bytes;
    reply->arena_bytes = identity->arena_bytes;
    reply->flash_bytes = identity->flash_bytes;
    reply->weights_flash_bytes = identity->weights_flash_bytes;
    reply->max_frame_bytes = SESSION_MAX_FRAME_BYTES;
    reply->max_layers = ENGINE_MAX_LAYERS;
    reply->max_outputs = ENGINE_MAX_OUTPUTS;
    reply->max_image_bytes = SESSION_MAX_IMAGE_BYTES;
    reply->window = session_window(SESSION_CHUNK_FRAME_BYTES);
    reply->methods = (1u << ENGINE_METHOD_COUNT) - 1u;
    reply->checkpoint_bytes = checkpoint_capacity(&session.platform.checkpoints);
    reply->max_edges = ENGINE_MAX_EDGES;
    reply->max_map_elements = ENGINE_MAX_MAP_ELEMENTS;
    reply->chip_revision = identity->chip_revision;
    reply->boot_rom_version = identity->boot_rom_version;
    reply->flash_jedec_id = identity->flash_jedec_id;
}

static void handle_read_statistics(void) {
    reply_begin(priot_DeviceMessage_statistics_tag);
    priot_Statistics *reply = &session.reply.body.statistics;
    const session_memory_marks marks = session.platform.memory_marks(session.platform.context);
    reply->static_bytes = marks.static_bytes;
    reply->code_bytes = marks.code_bytes;
    reply->stack_high_water_bytes = marks.stack_high_water_bytes;
    reply->stack_bytes = marks.stack_bytes;
    reply->flash_bytes = marks.flash_bytes;
    reply->frames_received = session.frames_received;
    reply->crc_errors = session.crc_errors;
    reply->malformed_frames = session.malformed_frames;
    reply->frames_sent = session.frames_sent;
}

static bool is_hang(const priot_HostMessage *request) {
    return request->which_body == priot_HostMessage_self_test_tag &&
           request->body.self_test.kind == priot_SelfTestKind_SELF_TEST_KIND_HANG && session.platform.hang != NULL;
}

static void handle_self_test(const priot_SelfTest *request) {
    uint32_t values[SESSION_SELF_TEST_VALUES];
    uint32_t count = 0;
    close_network();
    if (session.platform.self_test != NULL) {
        handling_pause();
        count = session.platform.self_test(session.platform.context, (uint32_t)request->kind, values);
        handling_resume();
    }
    if (count == 0 && !is_hang(&session.request)) {
        reply_failure(priot_FailureCode_FAILURE_CODE_UNSUPPORTED, "no self test of that kind here");
        return;
    }
    reply_begin(priot_DeviceMessage_self_test_tag);
    priot_SelfTestResult *reply = &session.reply.body.self_test;
    reply->kind = request->kind;
    reply->values_count = (pb_size_t)count;
    memcpy(reply->values, values, count * sizeof values[0]);
}

/* ---- frames in ------------------------------------------------------------------------------------------------- */

static void dispatch(const priot_HostMessage *request) {
    switch (request->which_body) {
    case priot_HostMessage_hello_tag:
        handle_hello();
        break;
    case priot_HostMessage_open_network_tag:
        handle_open_network(&request->body.open_network);
        break;
    case priot_HostMessage_write_tensor_tag:
        handle_write_tensor(&request->body.write_tensor);
        break;
    case priot_HostMessage_commit_tensor_tag:
        handle_commit_tensor(&request->body.commit_tensor);
        break;
    case priot_HostMessage_read_tensor_tag:
        handle_read_tensor(&request->body.read_tensor);
        break;
    case priot_HostMessage_start_session_tag:
        handle_start_session(&request->body.start_session);
        break;
    case priot_HostMessage_step_tag:
        handle_step(&request->body.step);
        break;
    case priot_HostMessage_evaluate_tag:
        handle_evaluate(&request->body.evaluate);
        break;
    case priot_HostMessage_read_statistics_tag:
        handle_read_statistics();
        break;
    case priot_HostMessage_save_checkpoint_tag:
        handle_save_checkpoint(&request->body.save_checkpoint);
        break;
    case priot_HostMessage_read_checkpoint_tag:
        handle_read_checkpoint();
        break;
    case priot_HostMessage_restart_tag:
        reply_done();
        break;
    case priot_HostMessage_self_test_tag:
        handle_self_test(&request->body.self_test);
        break;
    default:
        reply_failure(priot_FailureCode_FAILURE_CODE_UNSUPPORTED, "no request this firmware knows");
        break;
    }
}

static void handle_payload(uint32_t payload_bytes) {
    priot_HostMessage *request = &session.request;
    bool decoded = message_decode(session.decoder.frame, payload_bytes, request, &session.request_blob);
    if (!decoded || request->request_id == 0) {
        session.malformed_frames++;
        reply_failure(priot_FailureCode_FAILURE_CODE_MALFORMED, "not a well-formed request");
        send_reply(request->request_id);
        return;
    }
    session.frames_received++;
    dispatch(request);
    send_reply(request->request_id);
    if (request->which_body != priot_HostMessage_step_tag) {
        begin_counting(); /* a step's idle and wire cycles are those since the step, or the other request, before it */
    }
    if (request->which_body == priot_HostMessage_restart_tag) {
        session.platform.restart(session.platform.context, request->body.restart.bootsel);
    }
    if (is_hang(request)) {
        session.platform.hang(session.platform.context);
    }
}

static void report_bad_frame(const char *text) {
    reply_failure(priot_FailureCode_FAILURE_CODE_BAD_FRAME, text);
    send_reply(0);
}

size_t session_receive(const uint8_t *bytes, size_t length) {
    frame_event event;
    uint32_t payload_bytes = 0;
    handling_resume();
    size_t consumed = frame_decoder_feed(&session.decoder, bytes, length, &event, &payload_bytes);
    switch (event) {
    case FRAME_INCOMPLETE:
        break;
    case FRAME_GOOD:
        handle_payload(payload_bytes);
        break;
    case FRAME_MALFORMED:
        session.malformed_frames++;
        report_bad_frame("a frame cut short or too long");
        break;
    case FRAME_BAD_CRC:
        session.crc_errors++;
        report_bad_frame("a frame with a wrong checksum");
        break;
    }
    handling_pause();
    return consumed;
}

void session_log(uint32_t level, const char *text) {
    reply_begin(priot_DeviceMessage_log_line_tag);
    session.reply.body.log_line.level = (priot_LogLevel)level;
    reply_copy_text(session.reply.body.log_line.text, sizeof session.reply.body.log_line.text, text);
    handling_resume();
    send_reply(0);
    handling_pause();
}
