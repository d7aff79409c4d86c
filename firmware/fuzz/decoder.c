/* The frame decoder alone: bytes in pieces of any size give the same frames as byte by byte, and what frame_encode
 * makes is decoded to what went in. */
#include <string.h>

#include "../session/frame.h"
#include "check.h"
#include "input.h"

#define MAX_FRAMES 64u

typedef struct {
    uint32_t count;
    struct {
        frame_event event;
        uint32_t payload_bytes;
        uint8_t first, last;
    } frames[MAX_FRAMES];
} heard;

static void hear(heard *to, const frame_decoder *decoder, frame_event event, uint32_t payload_bytes) {
    if (event == FRAME_INCOMPLETE || to->count == MAX_FRAMES) {
        return;
    }
    CHECK(event != FRAME_GOOD || payload_bytes <= SESSION_MAX_FRAME_BYTES - FRAME_CRC_BYTES);
    const bool some = event == FRAME_GOOD && payload_bytes > 0;
    to->frames[to->count].event = event;
    to->frames[to->count].payload_bytes = event == FRAME_GOOD ? payload_bytes : 0;
    to->frames[to->count].first = some ? decoder->frame[0] : 0;
    to->frames[to->count].last = some ? decoder->frame[payload_bytes - 1] : 0;
    to->count++;
}

static void decode_pieces(const uint8_t *bytes, size_t length, size_t piece, heard *to) {
    uint8_t single_byte[1] = {0};
    frame_decoder *decoder = calloc(1, sizeof *decoder);
    while (length > 0) {
        const size_t now = length < piece ? length : piece;
        uint8_t *copy = piece == 1 ? single_byte : malloc(now); /* so that reading beyond a piece is seen */
        memcpy(copy, bytes, now);
        frame_event event = FRAME_INCOMPLETE;
        uint32_t payload_bytes = 0;
        const size_t taken = frame_decoder_feed(decoder, copy, now, &event, &payload_bytes);
        CHECK(taken > 0 && taken <= now);
        hear(to, decoder, event, payload_bytes);
        if (piece != 1) {
            free(copy);
        }
        bytes += taken;
        length -= taken;
    }
    free(decoder);
}

static void round_trip(const uint8_t *payload, size_t length) {
    const size_t offset = FRAME_PAYLOAD_OFFSET(length + FRAME_CRC_BYTES);
    uint8_t *wire = malloc(FRAME_WIRE_BYTES(length + FRAME_CRC_BYTES));
    memcpy(wire + offset, payload, length);
    const size_t encoded = frame_encode(wire, offset, length);
    CHECK(encoded <= FRAME_WIRE_BYTES(length + FRAME_CRC_BYTES));
    CHECK(memchr(wire, 0, encoded) == wire + encoded - 1);
    frame_decoder *decoder = calloc(1, sizeof *decoder);
    frame_event event;
    uint32_t payload_bytes = 0;
    CHECK(frame_decoder_feed(decoder, wire, encoded, &event, &payload_bytes) == encoded);
    if (length + FRAME_CRC_BYTES <= SESSION_MAX_FRAME_BYTES) {
        CHECK(event == FRAME_GOOD && payload_bytes == length && memcmp(decoder->frame, payload, length) == 0);
    } else {
        CHECK(event == FRAME_MALFORMED);
    }
    free(decoder);
    free(wire);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static heard pieces, single;
    fuzz_input input = {data, data + size};
    const size_t piece = 1 + (size_t)input_byte(&input) * 17;
    const size_t left = (size_t)(input.end - input.next);
    pieces.count = single.count = 0;
    decode_pieces(input.next, left, piece, &pieces);
    decode_pieces(input.next, left, 1, &single);
    CHECK(pieces.count == single.count);
    for (uint32_t i = 0; i < single.count; i++) {
        CHECK(pieces.frames[i].event == single.frames[i].event);
        CHECK(pieces.frames[i].payload_bytes == single.frames[i].payload_bytes);
        CHECK(pieces.frames[i].first == single.frames[i].first && pieces.frames[i].last == single.frames[i].last);
    }
    if (left > 0) {
        round_trip(input.next, left);
    }
    return 0;
}
