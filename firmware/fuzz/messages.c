/* A conversation: every input is a script of requests, good and hostile ones, to a session that keeps its state. */
#include <string.h>

#include "../engine/layer.h"
#include "../session/session_internal.h"
#include "check.h"
#include "device.h"
#include "input.h"
#include "network_input.h"

#define MAX_IMAGE_BYTES 4200u
#define SLOT_BYTES (2u * CHECKPOINT_SECTOR_BYTES) /* some networks' state is larger */

static fuzz_input input;
static uint32_t request_id;
static uint8_t blob[MAX_IMAGE_BYTES];

static priot_HostMessage new_request(pb_size_t which_body) {
    request_id++;
    return (priot_HostMessage){.request_id = request_id, .which_body = which_body};
}

static void open_network(void) {
    device_network network;
    input_network(&input, &network);
    device_open(++request_id, &network);
}

static void write_chunk(priot_Tensor tensor, uint32_t offset, size_t length, uint32_t kind) {
    priot_HostMessage request = new_request(priot_HostMessage_write_tensor_tag);
    request.body.write_tensor.tensor = tensor;
    request.body.write_tensor.offset = offset;
    fill_bytes(blob, length, kind, request_id * 2654435761u, tensor == priot_Tensor_TENSOR_SCORED ? 1 : 0xff);
    device_request(&request, blob, length);
}

static void commit(priot_Tensor tensor) {
    priot_HostMessage request = new_request(priot_HostMessage_commit_tensor_tag);
    request.body.commit_tensor.tensor = tensor;
    device_request(&request, NULL, 0);
}

/* Sets as many flags as the network says, in the first edges of each layer. */
static void write_scored(void) {
    const engine *opened = engine_instance();
    for (uint32_t l = 0; l < opened->layer_count; l++) {
        const engine_layer *layer = &opened->layers[l];
        for (uint32_t edge = 0; edge < layer->shape.edges; edge += SESSION_MAX_CHUNK_BYTES) {
            const uint32_t left = layer->shape.edges - edge;
            const uint32_t length = left < SESSION_MAX_CHUNK_BYTES ? left : SESSION_MAX_CHUNK_BYTES;
            for (uint32_t i = 0; i < length; i++) {
                blob[i] = edge + i < layer->config.scored_edges;
            }
            priot_HostMessage request = new_request(priot_HostMessage_write_tensor_tag);
            request.body.write_tensor.tensor = priot_Tensor_TENSOR_SCORED;
            request.body.write_tensor.offset = layer->shape.first_edge + edge;
            device_request(&request, blob, length);
        }
    }
}

/* All tensors as a host uploads them. */
static void upload(void) {
    const uint32_t kinds = input_byte(&input);
    const engine *opened = engine_instance();
    if (engine_is_open(opened) && opened->method == engine_methods[ENGINE_PRIOT_S]) {
        write_scored();
        commit(priot_Tensor_TENSOR_SCORED);
    }
    const priot_Tensor tensors[] = {priot_Tensor_TENSOR_WEIGHTS, priot_Tensor_TENSOR_STATE};
    for (uint32_t t = 0; t < 2; t++) {
        const uint32_t bytes = engine_is_open(opened) ? engine_tensor_bytes(opened, (engine_tensor)tensors[t]) : 0;
        for (uint32_t offset = 0; offset < bytes; offset += SESSION_MAX_CHUNK_BYTES) {
            const uint32_t left = bytes - offset;
            write_chunk(tensors[t], offset, left < SESSION_MAX_CHUNK_BYTES ? left : SESSION_MAX_CHUNK_BYTES,
                        t == 0 ? kinds % 4 : kinds / 4 % 4);
        }
        commit(tensors[t]);
    }
}

static void start_session(void) {
    priot_HostMessage request = new_request(priot_HostMessage_start_session_tag);
    request.body.start_session.session_id[0] = (uint8_t)input_below(&input, 2);
    request.body.start_session.next_step = input_hostile(&input);
    device_request(&request, NULL, 0);
}

static size_t image(void) {
    const uint32_t kind = input_byte(&input);
    size_t length = engine_is_open(engine_instance()) ? engine_image_bytes(engine_instance()) : 4;
    if (kind >= 250) {
        length = input_hostile(&input) % (MAX_IMAGE_BYTES + 1);
    }
    length = length < MAX_IMAGE_BYTES ? length : MAX_IMAGE_BYTES;
    fill_bytes(blob, length, kind % 4, request_id + kind, kind >= 240 ? 0xff : 0x7f);
    return length;
}

static void step(void) {
    priot_HostMessage request = new_request(priot_HostMessage_step_tag);
    priot_Step *asked = &request.body.step;
    const uint32_t flags = input_byte(&input);
    asked->step = session.next_step;
    if (flags & 1u) {
        asked->step += (uint32_t)(int8_t)input_byte(&input);
    }
    asked->detail = flags & 2u;
    asked->ledger = flags & 4u;
    asked->boot_id = session.identity.boot_id + (flags >= 0xf0 ? 1 : 0);
    memcpy(asked->session_id, session.session_id, sizeof asked->session_id);
    asked->session_id[7] ^= flags % 16 == 15;
    const uint32_t label = input_byte(&input);
    const uint32_t outputs = engine_is_open(engine_instance()) ? engine_output_count(engine_instance()) : 1;
    asked->label = label < 240 ? label % outputs : input_hostile(&input);
    device_request(&request, blob, image());
}

static void evaluate(void) {
    priot_HostMessage request = new_request(priot_HostMessage_evaluate_tag);
    request.body.evaluate.index = request_id;
    request.body.evaluate.frozen = input_below(&input, 2) == 1;
    device_request(&request, blob, image());
}

static void read_tensor(void) {
    priot_HostMessage request = new_request(priot_HostMessage_read_tensor_tag);
    request.body.read_tensor.tensor = (priot_Tensor)input_below(&input, 4);
    request.body.read_tensor.offset = input_hostile(&input);
    request.body.read_tensor.length = input_hostile(&input);
    device_request(&request, NULL, 0);
}

static void save_checkpoint(void) {
    priot_HostMessage request = new_request(priot_HostMessage_save_checkpoint_tag);
    priot_SaveCheckpoint *asked = &request.body.save_checkpoint;
    const uint32_t flags = input_byte(&input);
    asked->next_step = flags < 240 ? session.next_step : input_hostile(&input);
    memcpy(asked->session_id, session.session_id, sizeof asked->session_id);
    asked->session_id[7] ^= flags % 16 == 15;
    asked->training_id[0] = (uint8_t)(flags % 4);
    device_request(&request, NULL, 0);
}

static void read_checkpoint(void) {
    priot_HostMessage request = new_request(priot_HostMessage_read_checkpoint_tag);
    device_request(&request, NULL, 0);
    /* what it says can be read */
    const uint32_t bytes = device_reply()->which_body == priot_DeviceMessage_checkpoint_tag
                               ? device_reply()->body.checkpoint.state_bytes
                               : 0;
    for (uint32_t offset = 0; offset < bytes; offset += SESSION_MAX_CHUNK_BYTES) {
        const uint32_t left = bytes - offset;
        request = new_request(priot_HostMessage_read_tensor_tag);
        request.body.read_tensor.tensor = priot_Tensor_TENSOR_CHECKPOINT;
        request.body.read_tensor.offset = offset;
        request.body.read_tensor.length = left < SESSION_MAX_CHUNK_BYTES ? left : SESSION_MAX_CHUNK_BYTES;
        device_request(&request, NULL, 0);
        CHECK(device_reply()->which_body == priot_DeviceMessage_tensor_data_tag);
    }
}

/* Whatever flash may hold. */
static void scribble(void) {
    size_t length;
    const uint32_t offset = input_hostile(&input);
    const size_t limit = input_byte(&input);
    const uint8_t *bytes = input_bytes(&input, limit, &length);
    device_scribble(offset, bytes, length);
}

static void write_any(void) {
    const uint32_t choice = input_byte(&input);
    const uint32_t offset = input_hostile(&input);
    write_chunk((priot_Tensor)(choice % 4), offset, input_hostile(&input) % 1100, choice / 4 % 4);
}

static void about_the_device(void) {
    static const pb_size_t kinds[] = {priot_HostMessage_hello_tag, priot_HostMessage_read_statistics_tag,
                                      priot_HostMessage_restart_tag};
    priot_HostMessage request = new_request(kinds[input_below(&input, 3)]);
    device_request(&request, NULL, 0);
}

/* Protobuf that the fuzzer writes itself, in a good frame. */
static void any_message(void) {
    size_t length;
    const size_t limit = (size_t)input_byte(&input) * 4;
    const uint8_t *payload = input_bytes(&input, limit, &length);
    device_receive_payload(payload, length);
}

static void any_bytes(void) {
    size_t length;
    const size_t limit = input_byte(&input);
    const uint8_t *bytes = input_bytes(&input, limit, &length);
    device_receive(bytes, length);
    device_receive((const uint8_t[]){0}, 1);
}

/* A good frame of any length, the longest and longer ones too. */
static void any_length(void) {
    static uint8_t payload[6000];
    const size_t length = input_hostile(&input) % (sizeof payload + 1);
    fill_bytes(payload, length, input_byte(&input), request_id, 0xff);
    device_receive_payload(payload, length);
}

static void last_again(void) {
    const size_t position = input_u32(&input);
    device_receive_again(position, input_byte(&input));
}

static void log_line(void) {
    static char text[200];
    const uint32_t length = input_below(&input, 200);
    memset(text, 'a', length);
    text[length] = '\0';
    session_log(length % 3, text);
}

static void run(void) {
    switch (input_byte(&input)) {
    case 0:
        open_network();
        break;
    case 1:
        open_network();
        upload();
        start_session();
        break;
    case 2:
        upload();
        break;
    case 3:
        write_any();
        break;
    case 4:
        commit((priot_Tensor)input_below(&input, 4));
        break;
    case 5:
        start_session();
        break;
    case 6:
        step();
        break;
    case 7:
        evaluate();
        break;
    case 8:
        read_tensor();
        break;
    case 9:
        about_the_device();
        break;
    case 10:
        any_message();
        break;
    case 11:
        any_bytes();
        break;
    case 12:
        last_again();
        break;
    case 13:
        log_line();
        break;
    case 14:
        request_id -= input_below(&input, 4); /* request ids that were used before, 0 among them */
        break;
    case 15:
        any_length();
        break;
    /* numbers that the corpus had no use for before */
    case 250:
        save_checkpoint();
        break;
    case 251:
        read_checkpoint();
        break;
    case 254:
        scribble();
        break;
    default:
        for (uint32_t i = 0; i < 20; i++) { /* beyond the results that are kept */
            step();
        }
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    input = (fuzz_input){data, data + size};
    request_id = 0;
    const uint32_t place = input_byte(&input);
    device_boot(&(device_options){
        .arena_bytes = 4096u << (place % 5),
        .flash_bytes = place & 8u ? 65536 : 0,
        .slot_bytes = place & 64u ? 0 : SLOT_BYTES,
        .flash_fails = (place & 32u) != 0,
        .cycle_stride = place & 16u ? 0x7654321u : 0,
    });
    for (uint32_t requests = 0; requests < 64 && input_left(&input); requests++) {
        run();
    }
    device_check_alive();
    device_shut_down();
    return 0;
}
