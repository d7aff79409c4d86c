#include "reply.h"

#include <string.h>

void reply_copy_text(char *to, size_t size, const char *text) {
    size_t length = 0;
    while (text != NULL && length + 1 < size && text[length] != '\0') {
        to[length] = text[length];
        length++;
    }
    to[length] = '\0';
}

void reply_begin(pb_size_t which_body) {
    memset(&session.reply, 0, sizeof session.reply);
    session.reply.which_body = which_body;
}

void reply_done(void) {
    reply_begin(priot_DeviceMessage_done_tag);
}

void reply_failure_at(priot_FailureCode code, const char *text, uint32_t layer, int32_t value) {
    reply_begin(priot_DeviceMessage_failure_tag);
    priot_Failure *failure = &session.reply.body.failure;
    failure->code = code;
    reply_copy_text(failure->text, sizeof failure->text, text);
    failure->layer = layer;
    failure->value = value;
}

void reply_failure(priot_FailureCode code, const char *text) {
    reply_failure_at(code, text, 0, 0);
}

void reply_engine_failure(engine_status status, const engine_fault *fault) {
    priot_FailureCode code = priot_FailureCode_FAILURE_CODE_UNKNOWN;
    switch (status) {
    case ENGINE_UNSUPPORTED:
        code = priot_FailureCode_FAILURE_CODE_UNSUPPORTED;
        break;
    case ENGINE_BAD_NETWORK:
        code = priot_FailureCode_FAILURE_CODE_BAD_NETWORK;
        break;
    case ENGINE_OVERFLOW:
        code = priot_FailureCode_FAILURE_CODE_OVERFLOW;
        break;
    case ENGINE_OUT_OF_MEMORY:
        code = priot_FailureCode_FAILURE_CODE_OUT_OF_MEMORY;
        break;
    case ENGINE_OUT_OF_RANGE:
        code = priot_FailureCode_FAILURE_CODE_OUT_OF_RANGE;
        break;
    case ENGINE_WRONG_ORDER:
        code = priot_FailureCode_FAILURE_CODE_WRONG_ORDER;
        break;
    case ENGINE_FLASH_FAILED:
        code = priot_FailureCode_FAILURE_CODE_FLASH;
        break;
    case ENGINE_OK:
        break;
    }
    reply_failure_at(code, fault->text, fault->layer, fault->value);
}

bool check_chunk(uint32_t bytes, uint32_t offset, uint32_t length) {
    if (length == 0 || length > SESSION_MAX_CHUNK_BYTES) {
        reply_failure_at(priot_FailureCode_FAILURE_CODE_OUT_OF_RANGE, "a chunk of 1 to 1024 bytes is due", 0,
                         (int32_t)length);
        return false;
    }
    if (offset > bytes || length > bytes - offset) {
        reply_failure_at(priot_FailureCode_FAILURE_CODE_OUT_OF_RANGE, "a chunk beyond the end of the tensor", 0,
                         (int32_t)offset);
        return false;
    }
    return true;
}

uint8_t *reply_tensor_data(const priot_ReadTensor *request) {
    /* The request is decoded, so its frame's memory is free for the answer. */
    uint8_t *data = session.decoder.frame;
    reply_begin(priot_DeviceMessage_tensor_data_tag);
    session.reply.body.tensor_data.tensor = request->tensor;
    session.reply.body.tensor_data.offset = request->offset;
    session.reply_blob = (byte_span){data, request->length};
    return data;
}

uint32_t session_window(uint32_t frame_bytes) {
    /* While one frame is handled, the buffer holds the others: one at least, as far as it goes; the host is held off
     * with the rest. */
    uint32_t held = session.identity.receive_buffer_bytes / FRAME_WIRE_BYTES(frame_bytes);
    uint32_t window = 1u + (held > 0 ? held : 1u);
    return window < SESSION_MAX_WINDOW ? window : SESSION_MAX_WINDOW;
}
