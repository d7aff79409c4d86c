#include "messages.h"

#include <pb_common.h>
#include <pb_decode.h>
#include <pb_encode.h>
#include <string.h>

typedef struct {
    uintptr_t begin, end; /* of the payload */
    byte_span *blob;
} blob_recorder;

/* Records where the bytes of a field lie instead of copying them. */
static bool record_blob(pb_istream_t *stream, const pb_field_t *field, void **arg) {
    (void)field;
    const blob_recorder *recorder = *arg;
    /* A field of a scalar wire type arrives in a temporary of the decoder, outside of the payload. */
    uintptr_t begin = (uintptr_t)stream->state;
    if (begin < recorder->begin || begin > recorder->end || stream->bytes_left > recorder->end - begin) {
        return false;
    }
    recorder->blob->bytes = stream->state;
    recorder->blob->length = (uint32_t)stream->bytes_left;
    return pb_read(stream, NULL, stream->bytes_left);
}

/* Decodes a layer only to see that it is one: it is read again, in its turn, by message_next_layer. */
static bool check_layer(pb_istream_t *stream, const pb_field_t *field, void **arg) {
    (void)field;
    (void)arg;
    priot_Layer layer = priot_Layer_init_zero;
    return pb_decode(stream, priot_Layer_fields, &layer);
}

/* Called before a body is decoded: its callbacks cannot be set earlier, because the bodies share memory. */
static bool prepare_body(pb_istream_t *stream, const pb_field_t *field, void **arg) {
    blob_recorder *recorder = *arg;
    pb_callback_t *callback = NULL;
    *recorder->blob = (byte_span){NULL, 0};
    switch (field->tag) {
    case priot_HostMessage_open_network_tag:
        *recorder->blob = (byte_span){stream->state, (uint32_t)stream->bytes_left};
        ((priot_OpenNetwork *)field->pData)->layers.funcs.decode = check_layer;
        return true;
    case priot_HostMessage_write_tensor_tag:
        callback = &((priot_WriteTensor *)field->pData)->data;
        break;
    case priot_HostMessage_step_tag:
        callback = &((priot_Step *)field->pData)->image;
        break;
    case priot_HostMessage_evaluate_tag:
        callback = &((priot_Evaluate *)field->pData)->image;
        break;
    default:
        return true;
    }
    callback->funcs.decode = record_blob;
    callback->arg = recorder;
    return true;
}

bool message_decode(const uint8_t *payload, size_t length, priot_HostMessage *message, byte_span *blob) {
    blob_recorder recorder = {(uintptr_t)payload, (uintptr_t)payload + length, blob};
    *blob = (byte_span){NULL, 0};
    message->cb_body.funcs.decode = prepare_body;
    message->cb_body.arg = &recorder;
    pb_istream_t stream = pb_istream_from_buffer(payload, length);
    return pb_decode(&stream, priot_HostMessage_fields, message);
}

bool message_next_layer(byte_span *rest, priot_Layer *layer) {
    pb_istream_t stream = pb_istream_from_buffer(rest->bytes, rest->length);
    pb_wire_type_t wire_type;
    uint32_t tag;
    bool end;
    bool found = false;
    while (!found && pb_decode_tag(&stream, &wire_type, &tag, &end)) {
        pb_istream_t inner;
        if (tag != priot_OpenNetwork_layers_tag || wire_type != PB_WT_STRING) {
            if (!pb_skip_field(&stream, wire_type)) {
                break;
            }
            continue;
        }
        *layer = (priot_Layer)priot_Layer_init_zero;
        found = pb_make_string_substream(&stream, &inner) && pb_decode(&inner, priot_Layer_fields, layer) &&
                pb_close_string_substream(&stream, &inner);
        if (!found) {
            break;
        }
    }
    *rest = (byte_span){stream.state, (uint32_t)stream.bytes_left};
    return found;
}

static bool encode_blob(pb_ostream_t *stream, const pb_field_t *field, void *const *arg) {
    const byte_span *blob = *arg;
    return pb_encode_tag_for_field(stream, field) && pb_encode_string(stream, blob->bytes, blob->length);
}

static bool encode_scalar(pb_ostream_t *stream, uint32_t tag, uint32_t value) {
    return value == 0 || (pb_encode_tag(stream, PB_WT_VARINT, tag) && pb_encode_varint(stream, value));
}

/* The envelope by itself, because nanopb would encode the body twice, once to learn its length, and look at every other
 * body as well. The body stands behind the room for the envelope already. */
static bool encode_envelope(pb_ostream_t *stream, const priot_DeviceMessage *message, size_t body_bytes) {
    return encode_scalar(stream, priot_DeviceMessage_request_id_tag, message->request_id) &&
           encode_scalar(stream, priot_DeviceMessage_next_step_tag, message->next_step) &&
           encode_scalar(stream, priot_DeviceMessage_window_end_tag, message->window_end) &&
           pb_encode_tag(stream, PB_WT_STRING, message->which_body) && pb_encode_varint(stream, (uint32_t)body_bytes);
}

size_t message_encode(priot_DeviceMessage *message, byte_span *blob, uint8_t *payload, size_t capacity) {
    if (message->which_body == priot_DeviceMessage_tensor_data_tag) {
        message->body.tensor_data.data.funcs.encode = encode_blob;
        message->body.tensor_data.data.arg = blob;
    }
    pb_field_iter_t body;
    if (capacity < MESSAGE_ENVELOPE_BYTES || !pb_field_iter_begin(&body, priot_DeviceMessage_fields, message) ||
        !pb_field_iter_find(&body, message->which_body)) {
        return 0;
    }
    pb_ostream_t stream = pb_ostream_from_buffer(payload + MESSAGE_ENVELOPE_BYTES, capacity - MESSAGE_ENVELOPE_BYTES);
    if (!pb_encode(&stream, body.submsg_desc, body.pData)) {
        return 0;
    }
    size_t body_bytes = stream.bytes_written;
    pb_ostream_t envelope = pb_ostream_from_buffer(payload, MESSAGE_ENVELOPE_BYTES);
    if (!encode_envelope(&envelope, message, body_bytes)) {
        return 0;
    }
    memmove(payload + envelope.bytes_written, payload + MESSAGE_ENVELOPE_BYTES, body_bytes);
    return envelope.bytes_written + body_bytes;
}
