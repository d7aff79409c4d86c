/* This file codes protobuf messages of proto/priot.proto, from and to bytes. */
#ifndef PRIOT_MESSAGES_H
#define PRIOT_MESSAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "priot.pb.h"

/* The most bytes of a reply around its body: request_id, next_step, window_end, the body's tag and length. */
#define MESSAGE_ENVELOPE_BYTES (6u + 6u + 6u + 3u)

/* Bytes that stay where they are. */
typedef struct {
    const uint8_t *bytes;
    uint32_t length;
} byte_span;

/* Decodes a request. `blob` becomes its image or tensor data, or the whole of an OpenNetwork, in place in `payload`;
 * empty when it has none. False: not a HostMessage or a field out of bounds; request_id then holds the id if it was
 * read before the fault, else 0. An unknown or missing body leaves which_body 0. */
bool message_decode(const uint8_t *payload, size_t length, priot_HostMessage *message, byte_span *blob);

/* Takes the next layer of an OpenNetwork, of which `rest` has not been read yet. False: there is none. */
bool message_next_layer(byte_span *rest, priot_Layer *layer);

/* Encodes a reply into at most `capacity` bytes; `blob` becomes the data of a TensorData. Returns the length, or 0 if
 * it does not fit. */
size_t message_encode(priot_DeviceMessage *message, byte_span *blob, uint8_t *payload, size_t capacity);

#endif
