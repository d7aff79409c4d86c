#include "device.h"

#include <pb_decode.h>
#include <pb_encode.h>
#include <string.h>

#include "../engine/layer.h"
#include "../engine/one_core.h"
#include "../session/crc32.h"
#include "../session/session_internal.h"
#include "check.h"

#define BOOT_ID 0x50524931u
#define RECEIVE_BUFFER_BYTES 16384u
#define MAX_MACS 30000u
#define MAX_PAYLOAD_BYTES 6000u /* some more than a frame may have */

static device_options options;
static uint8_t *arena, *flash, *slots;
static uint32_t cycles, boots, replies, digest;
static bool restarted, hash_known;
static uint32_t predictions[SESSION_MAX_WINDOW]; /* of step n at n % SESSION_MAX_WINDOW */
static frame_decoder *sent;                      /* decodes what the device sends */
static priot_DeviceMessage reply;
static uint8_t last_wire[FRAME_WIRE_BYTES(MAX_PAYLOAD_BYTES + FRAME_CRC_BYTES)];
static size_t last_wire_bytes;

/* ---- what the place provides ------------------------------------------------------------------------------------- */

uint32_t engine_cycles(void) {
    return cycles += options.cycle_stride;
}

static uint32_t read_cycles(void *context) {
    (void)context;
    return engine_cycles();
}

static void check_reply(const uint8_t *payload, uint32_t length) {
    CHECK(length > 0);
    memset(&reply, 0, sizeof reply);
    pb_istream_t stream = pb_istream_from_buffer(payload, length);
    CHECK(pb_decode(&stream, priot_DeviceMessage_fields, &reply));
    CHECK(reply.which_body != 0);
    CHECK(reply.window_end >= reply.next_step && reply.window_end - reply.next_step <= SESSION_MAX_WINDOW);
    switch (reply.which_body) {
    case priot_DeviceMessage_failure_tag:
        CHECK(reply.body.failure.code != priot_FailureCode_FAILURE_CODE_UNKNOWN);
        CHECK(reply.body.failure.code <= _priot_FailureCode_MAX);
        CHECK(reply.body.failure.text[0] != '\0');
        break;
    case priot_DeviceMessage_step_result_tag:
    case priot_DeviceMessage_evaluation_tag:
    case priot_DeviceMessage_tensor_data_tag:
        for (uint32_t i = 0; i < length; i++) {
            digest = (digest ^ payload[i]) * 16777619u;
        }
        break;
    default:
        break;
    }
}

static void send(void *context, const uint8_t *bytes, size_t length) {
    (void)context;
    frame_event event;
    uint32_t payload_bytes = 0;
    CHECK(length > 0 && bytes[length - 1] == 0);
    CHECK(frame_decoder_feed(sent, bytes, length, &event, &payload_bytes) == length);
    CHECK(event == FRAME_GOOD);
    check_reply(sent->frame, payload_bytes);
    replies++;
}

static const int8_t *program_weights(void *context, uint32_t offset, const int8_t *weights, uint32_t length) {
    (void)context;
    CHECK(weights != NULL && offset % ENGINE_FLASH_SECTOR_BYTES == 0);
    CHECK(offset <= options.flash_bytes && length <= options.flash_bytes - offset);
    if (options.flash_fails) {
        return NULL;
    }
    if (flash == NULL) {
        flash = malloc(options.flash_bytes);
    }
    return memcpy(flash + offset, weights, length);
}

static void read_slots(void *context, uint32_t offset, uint8_t *bytes, uint32_t length) {
    (void)context;
    CHECK(offset + (uint64_t)length <= CHECKPOINT_SLOTS * options.slot_bytes);
    memcpy(bytes, slots + offset, length);
}

static void erase_sector(void *context, uint32_t offset) {
    (void)context;
    CHECK(offset % CHECKPOINT_SECTOR_BYTES == 0 && offset < CHECKPOINT_SLOTS * options.slot_bytes);
    memset(slots + offset, 0xff, CHECKPOINT_SECTOR_BYTES);
}

static void program_page(void *context, uint32_t offset, const uint8_t *page) {
    (void)context;
    CHECK(offset % CHECKPOINT_PAGE_BYTES == 0 && offset < CHECKPOINT_SLOTS * options.slot_bytes);
    for (uint32_t i = 0; i < CHECKPOINT_PAGE_BYTES && !options.flash_fails; i++) {
        slots[offset + i] &= page[i];
    }
}

static void restart(void *context, bool bootsel) {
    (void)context;
    (void)bootsel;
    restarted = true;
}

static session_memory_marks memory_marks(void *context) {
    (void)context;
    return (session_memory_marks){UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX};
}

static void start_session_code(void) {
    const session_platform platform = {
        .send = send,
        .program_weights = options.flash_bytes == 0 ? NULL : program_weights,
        .checkpoints = {.slot_bytes = options.slot_bytes,
                        .read = read_slots,
                        .erase_sector = erase_sector,
                        .program_page = program_page},
        .restart = restart,
        .idle_cycles = read_cycles,
        .wire_cycles = read_cycles,
        .memory_marks = memory_marks,
    };
    const session_identity identity = {
        .firmware_commit = "fuzzed",
        .firmware_compiler = NULL,
        .firmware_flags = "a text that is longer than the wire's bound for it, which is one hundred and twenty-seven "
                          "bytes; it is cut there and not sent whole",
        .board_id = {'P', 'R', 'I', 'O', 'T', 'S', 'I', 'M'},
        .boot_id = BOOT_ID + boots++,
        .arena = arena,
        .arena_bytes = options.arena_bytes,
        .weights_flash_bytes = options.flash_bytes,
        .receive_buffer_bytes = RECEIVE_BUFFER_BYTES,
    };
    engine_close(engine_instance());
    session_init(&platform, &identity);
    restarted = hash_known = false;
}

void device_boot(const device_options *with) {
    options = *with;
    arena = malloc(options.arena_bytes);
    slots = malloc(CHECKPOINT_SLOTS * options.slot_bytes);
    if (options.slot_bytes > 0) {
        memset(slots, 0xff, CHECKPOINT_SLOTS * options.slot_bytes);
    }
    sent = calloc(1, sizeof *sent);
    cycles = boots = replies = 0;
    digest = 2166136261u;
    last_wire_bytes = 0;
    start_session_code();
}

void device_shut_down(void) {
    engine_close(engine_instance());
    free(arena);
    free(flash);
    free(slots);
    free(sent);
    flash = NULL;
}

/* ---- bytes in ---------------------------------------------------------------------------------------------------- */

/* Returns a hash of what the plan takes of the arena, fences included. It is kept until a frame is handled. */
__attribute__((no_sanitize("address"))) static uint32_t arena_hash(void) {
    static uint32_t hash;
    if (hash_known) {
        return hash;
    }
    hash = 2166136261u;
    for (uint32_t i = 0; i + 4 <= session.plan.required_bytes; i += 4) {
        const uint32_t word = (uint32_t)arena[i] | (uint32_t)arena[i + 1] << 8 | (uint32_t)arena[i + 2] << 16 |
                              (uint32_t)arena[i + 3] << 24;
        hash = (hash ^ word) * 16777619u;
    }
    hash_known = true;
    return hash;
}

/* What was computed on was an image of the network. */
static void check_image(void) {
    CHECK(session.request_blob.length == engine_image_bytes(engine_instance()));
    for (uint32_t i = 0; i < session.request_blob.length; i++) {
        CHECK(session.request_blob.bytes[i] <= 127);
    }
}

static void check_step_reply(uint32_t next_before, uint32_t hash_before) {
    const priot_StepResult *result = &reply.body.step_result;
    if (reply.which_body == priot_DeviceMessage_step_result_tag && !result->already_applied) {
        CHECK(result->step == next_before && session.next_step == next_before + 1);
        check_image();
        predictions[result->step % SESSION_MAX_WINDOW] = result->prediction;
        return;
    }
    CHECK(session.next_step == next_before);
    CHECK(arena_hash() == hash_before);
    if (reply.which_body == priot_DeviceMessage_step_result_tag) {
        CHECK(result->step < next_before && result->step >= session.first_step);
        CHECK(next_before - result->step <= SESSION_MAX_WINDOW);
        CHECK(result->prediction == predictions[result->step % SESSION_MAX_WINDOW]);
    }
}

/* A checkpoint is the one that stood before, or the next one, of the session as it is; and no state was touched. */
static void check_save_reply(const checkpoint_slot *before, uint32_t hash_before) {
    uint8_t page[CHECKPOINT_PAGE_BYTES];
    const checkpoint_slot after = checkpoint_find(&session.platform.checkpoints, page);
    CHECK(!session.started || arena_hash() == hash_before);
    if (reply.which_body != priot_DeviceMessage_checkpoint_tag) {
        CHECK(after.whole == before->whole && after.record.sequence == before->record.sequence);
        return;
    }
    const uint32_t saves = after.record.sequence - before->record.sequence;
    CHECK(after.whole && saves <= 1 && reply.body.checkpoint.sequence == after.record.sequence);
    CHECK(session.started && after.record.next_step == session.next_step);
    CHECK(after.record.state_bytes == engine_edge_count(engine_instance()));
    CHECK(memcmp(after.record.session_id, session.session_id, sizeof session.session_id) == 0);
}

/* One call of session_receive. */
static size_t receive_once(const uint8_t *bytes, size_t length) {
    const uint32_t handled = session.frames_received + session.malformed_frames + session.crc_errors;
    const uint32_t replies_before = replies, next_before = session.next_step, received = session.frames_received;
    const bool started = session.started;
    const uint32_t hash = started ? arena_hash() : 0;
    uint8_t page[CHECKPOINT_PAGE_BYTES];
    const checkpoint_slot checkpoint = checkpoint_find(&session.platform.checkpoints, page);
    const size_t consumed = session_receive(bytes, length);
    CHECK(consumed > 0 && consumed <= length);
    const uint32_t frames = session.frames_received + session.malformed_frames + session.crc_errors - handled;
    CHECK(frames <= 1 && replies - replies_before == frames);
    if (frames == 1) {
        hash_known = false;
        CHECK(reply.next_step == session.next_step);
    }
    if (session.frames_received != received) {
        CHECK(reply.request_id == session.request.request_id && reply.request_id != 0);
        const bool step = session.request.which_body == priot_HostMessage_step_tag;
        if (started && step) {
            check_step_reply(next_before, hash);
        } else if (started && session.started) {
            CHECK(session.next_step == next_before);
        }
        if (session.request.which_body == priot_HostMessage_save_checkpoint_tag) {
            check_save_reply(&checkpoint, hash);
        }
        CHECK(step || reply.which_body != priot_DeviceMessage_step_result_tag);
        if (reply.which_body == priot_DeviceMessage_evaluation_tag) {
            check_image();
        }
    }
    if (restarted) {
        start_session_code();
    }
    return consumed;
}

uint64_t device_network_macs(void) {
    const engine *opened = engine_instance();
    uint64_t macs = 0;
    for (uint32_t l = 0; engine_is_open(opened) && l < opened->layer_count; l++) {
        const engine_layer_shape *shape = &opened->layers[l].shape;
        macs += (uint64_t)shape->edges * shape->conv_height * shape->conv_width;
    }
    return macs;
}

void device_receive(const uint8_t *bytes, size_t length) {
    if (length == 0) {
        return;
    }
    uint8_t *copy = malloc(length);
    memcpy(copy, bytes, length);
    for (size_t taken = 0; taken < length;) {
        taken += receive_once(copy + taken, length - taken);
        if (device_network_macs() > MAX_MACS) {
            priot_HostMessage close = {.which_body = priot_HostMessage_open_network_tag};
            close.request_id = session.open_request_id == 1 ? 2 : 1; /* not the opening request once more */
            device_request(&close, NULL, 0);
            CHECK(!engine_is_open(engine_instance()));
        }
    }
    free(copy);
}

void device_receive_payload(const uint8_t *payload, size_t length) {
    static uint8_t wire[sizeof last_wire];
    CHECK(length <= MAX_PAYLOAD_BYTES);
    const size_t offset = FRAME_PAYLOAD_OFFSET(MAX_PAYLOAD_BYTES + FRAME_CRC_BYTES);
    if (length > 0) {
        memcpy(wire + offset, payload, length);
    }
    last_wire_bytes = frame_encode(wire, offset, length);
    memcpy(last_wire, wire, last_wire_bytes);
    device_receive(last_wire, last_wire_bytes);
}

void device_receive_again(size_t position, uint8_t flip) {
    if (last_wire_bytes == 0) {
        return;
    }
    position %= last_wire_bytes;
    last_wire[position] ^= flip;
    device_receive(last_wire, last_wire_bytes);
    last_wire[position] ^= flip;
    device_receive((const uint8_t[]){0}, 1); /* whatever the flipped byte was, the next frame begins anew */
}

/* ---- requests ---------------------------------------------------------------------------------------------------- */

static bool encode_blob(pb_ostream_t *stream, const pb_field_t *field, void *const *arg) {
    const byte_span *blob = *arg;
    return pb_encode_tag_for_field(stream, field) && pb_encode_string(stream, blob->bytes, blob->length);
}

static bool encode_layers(pb_ostream_t *stream, const pb_field_t *field, void *const *arg) {
    const device_network *network = *arg;
    for (uint32_t l = 0; l < network->layer_count; l++) {
        if (!pb_encode_tag_for_field(stream, field) ||
            !pb_encode_submessage(stream, priot_Layer_fields, &network->layers[l])) {
            return false;
        }
    }
    return true;
}

void device_open(uint32_t request_id, const device_network *network) {
    priot_HostMessage request = {.request_id = request_id, .which_body = priot_HostMessage_open_network_tag};
    device_network copy = *network;
    request.body.open_network = network->open;
    request.body.open_network.layers = (pb_callback_t){.funcs.encode = encode_layers, .arg = &copy};
    device_request(&request, NULL, 0);
}

void device_request(priot_HostMessage *request, const uint8_t *blob, size_t blob_bytes) {
    byte_span span = {blob, (uint32_t)blob_bytes};
    const pb_callback_t callback = {.funcs.encode = encode_blob, .arg = &span};
    switch (blob_bytes == 0 ? 0 : request->which_body) {
    case priot_HostMessage_write_tensor_tag:
        request->body.write_tensor.data = callback;
        break;
    case priot_HostMessage_step_tag:
        request->body.step.image = callback;
        break;
    case priot_HostMessage_evaluate_tag:
        request->body.evaluate.image = callback;
        break;
    default:
        break;
    }
    uint8_t payload[MAX_PAYLOAD_BYTES];
    pb_ostream_t stream = pb_ostream_from_buffer(payload, sizeof payload);
    CHECK(pb_encode(&stream, priot_HostMessage_fields, request));
    device_receive_payload(payload, stream.bytes_written);
}

const priot_DeviceMessage *device_reply(void) {
    return &reply;
}

uint32_t device_digest(void) {
    return digest;
}

void fill_bytes(uint8_t *bytes, size_t length, uint32_t kind, uint32_t seed, uint8_t mask) {
    static const uint8_t constants[] = {0, 127, (uint8_t)-127, 0};
    uint32_t state = seed | 1u;
    for (size_t i = 0; i < length; i++) {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        const uint8_t drawn = (uint8_t)(state >> 8);
        const uint8_t value = kind == 0 ? (drawn == 0x80 ? 0 : drawn) : constants[kind % 4];
        bytes[i] = value & mask;
    }
}

void device_scribble(uint32_t offset, const uint8_t *bytes, size_t length) {
    const uint32_t there = CHECKPOINT_SLOTS * options.slot_bytes;
    for (size_t i = 0; i < length && there > 0; i++) {
        slots[(offset % there + i) % there] = bytes[i];
    }
    start_session_code();
}

/* ---- still alive? ------------------------------------------------------------------------------------------------ */

static void expect(priot_HostMessage request, const uint8_t *blob, size_t blob_bytes, pb_size_t answer) {
    static uint32_t request_id = 0x70000000u;
    request.request_id = ++request_id;
    device_request(&request, blob, blob_bytes);
    CHECK(reply.request_id == request_id && reply.which_body == answer);
}

void device_check_alive(void) {
    device_receive((const uint8_t[]){0}, 1); /* ends whatever was begun */
    expect((priot_HostMessage){.which_body = priot_HostMessage_hello_tag}, NULL, 0, priot_DeviceMessage_hello_tag);
    CHECK(reply.body.hello.boot_id == BOOT_ID + boots - 1);
    static const device_network smallest = {.open = {.method = priot_Method_METHOD_NITI_STATIC},
                                            .layer_count = 1,
                                            .layers = {{.operation = priot_LayerOperation_LAYER_OPERATION_LINEAR,
                                                        .in_height = 1,
                                                        .in_width = 1,
                                                        .in_channels = 2,
                                                        .out_channels = 2}}};
    device_open(0x6fffffffu, &smallest);
    CHECK(reply.which_body == priot_DeviceMessage_memory_plan_tag);
    CHECK(reply.body.memory_plan.fits);
    const priot_Tensor tensors[] = {priot_Tensor_TENSOR_WEIGHTS, priot_Tensor_TENSOR_STATE};
    for (uint32_t i = 0; i < 2; i++) {
        priot_HostMessage commit = {.which_body = priot_HostMessage_commit_tensor_tag};
        commit.body.commit_tensor.tensor = tensors[i];
        expect(commit, NULL, 0, priot_DeviceMessage_done_tag);
    }
    expect((priot_HostMessage){.which_body = priot_HostMessage_start_session_tag}, NULL, 0,
           priot_DeviceMessage_done_tag);
    priot_HostMessage step = {.which_body = priot_HostMessage_step_tag};
    step.body.step.boot_id = BOOT_ID + boots - 1;
    expect(step, (const uint8_t[]){1, 127}, 2, priot_DeviceMessage_step_result_tag);
    CHECK(session.next_step == 1);
}
