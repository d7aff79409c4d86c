/* This file codes frames on the wire: payload, CRC-32 of it (little-endian), COBS over both, 0x00 (docs/wire.md). A
 * frame, here, is payload + CRC before COBS. */
#ifndef PRIOT_FRAME_H
#define PRIOT_FRAME_H

#include "session.h"

#define FRAME_CRC_BYTES 4u
/* COBS code bytes of a frame, at most: one for the first 254 bytes and one for every further 254. */
#define FRAME_CODE_BYTES(frame_bytes) ((frame_bytes) / 254u + 1u)
/* Bytes a frame takes on the wire, at most, the 0x00 included. */
#define FRAME_WIRE_BYTES(frame_bytes) ((frame_bytes) + FRAME_CODE_BYTES(frame_bytes) + 1u)

typedef enum {
    FRAME_INCOMPLETE, /* more bytes are needed */
    FRAME_GOOD,       /* `frame` holds payload_bytes of payload, until the next byte is fed */
    FRAME_MALFORMED,  /* a COBS block cut short, or a length out of range */
    FRAME_BAD_CRC
} frame_event;

/* Takes bytes as they come and holds the one frame that is being received. All zero is its initial state. */
typedef struct {
    uint8_t frame[SESSION_MAX_FRAME_BYTES];
    uint32_t length;          /* decoded so far */
    uint32_t block_remaining; /* data bytes until the next COBS code */
    bool zero_due;            /* a zero stands before the next block */
    bool started;             /* a byte was seen since the last 0x00 */
    bool discarding;          /* too long: skips to the next 0x00 */
} frame_decoder;

/* Feeds bytes up to and including the first 0x00, where a frame ends; returns how many were taken. Frames without any
 * byte (0x00 after 0x00) are skipped silently: a sender may lead with 0x00 to end whatever was cut off before. */
size_t frame_decoder_feed(frame_decoder *self, const uint8_t *bytes, size_t length, frame_event *event,
                          uint32_t *payload_bytes);

/* Where frame_encode expects the payload of at most `frame_bytes` - FRAME_CRC_BYTES bytes. */
#define FRAME_PAYLOAD_OFFSET(frame_bytes) FRAME_CODE_BYTES(frame_bytes)

/* Encodes in place: the payload stands at `buffer` + `payload_offset`, four free bytes behind it; the encoded frame
 * begins at `buffer`. Returns its length, the 0x00 included. */
size_t frame_encode(uint8_t *buffer, size_t payload_offset, size_t payload_bytes);

#endif
