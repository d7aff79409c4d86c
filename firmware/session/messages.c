#include "messages.h"

#include <pb_decode.h>
#include <pb_encode.h>

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

/* Called before a body is decoded: its callbacks cannot be set earlier, because the bodies share memory. */
static bool prepare_body(pb_istream_t *stream, const pb_field_t *field, void **arg) {
    (void)stream;
    blob_recorder *recorder = *arg;
    pb_callback_t *callback = NULL;
    *recorder->blob = (byte_span){NULL, 0};
    switch (field->tag) {
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

static bool encode_blob(pb_ostream_t *stream, const pb_field_t *field, void *const *arg) {
    const byte_span *blob = *arg;
    return pb_encode_tag_for_field(stream, field) && pb_encode_string(stream, blob->bytes, blob->length);
}

size_t message_encode(priot_DeviceMessage *message, byte_span *blob, uint8_t *payload, size_t capacity) {
    if (message->which_body == priot_DeviceMessage_tensor_data_tag) {
        message->body.tensor_data.data.funcs.encode = encode_blob;
        message->body.tensor_data.data.arg = blob;
    }
    pb_ostream_t stream = pb_ostream_from_buffer(payload, capacity);
    return pb_encode(&stream, priot_DeviceMessage_fields, message) ? stream.bytes_written : 0;
}
