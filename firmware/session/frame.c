#include "frame.h"

#include "crc32.h"

static uint32_t read_little_endian(const uint8_t *bytes) {
    return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

/* Copies the rest of a block; stops early at a zero, at the end of the input or of the buffer. */
static const uint8_t *copy_block(frame_decoder *self, const uint8_t *next, const uint8_t *end) {
    size_t run = (size_t)(end - next);
    if (run > self->block_remaining) {
        run = self->block_remaining;
    }
    size_t room = SESSION_MAX_FRAME_BYTES - self->length;
    if (run > room) {
        run = room;
        self->discarding = run == 0;
    }
    const uint8_t *stop = next + run;
    uint8_t *out = self->frame + self->length;
    while (next != stop && *next != 0) {
        *out++ = *next++;
    }
    uint32_t copied = (uint32_t)(out - (self->frame + self->length));
    self->length += copied;
    self->block_remaining -= copied;
    return next;
}

static void begin_block(frame_decoder *self, uint8_t code) {
    self->started = true;
    if (self->zero_due) {
        if (self->length == SESSION_MAX_FRAME_BYTES) {
            self->discarding = true;
            return;
        }
        self->frame[self->length++] = 0;
    }
    self->block_remaining = code - 1u;
    self->zero_due = code != 0xffu;
}

static frame_event finish(frame_decoder *self, uint32_t *payload_bytes) {
    uint32_t length = self->length;
    bool well_formed = !self->discarding && self->block_remaining == 0 && length >= FRAME_CRC_BYTES;
    bool empty = !self->started;
    self->length = 0;
    self->block_remaining = 0;
    self->zero_due = false;
    self->started = false;
    self->discarding = false;
    if (empty) {
        return FRAME_INCOMPLETE;
    }
    if (!well_formed) {
        return FRAME_MALFORMED;
    }
    *payload_bytes = length - FRAME_CRC_BYTES;
    bool intact = crc32(self->frame, *payload_bytes) == read_little_endian(self->frame + *payload_bytes);
    return intact ? FRAME_GOOD : FRAME_BAD_CRC;
}

size_t frame_decoder_feed(frame_decoder *self, const uint8_t *bytes, size_t length, frame_event *event,
                          uint32_t *payload_bytes) {
    const uint8_t *next = bytes;
    const uint8_t *end = bytes + length;
    *event = FRAME_INCOMPLETE;
    while (next != end) {
        if (*next == 0) {
            *event = finish(self, payload_bytes);
            return (size_t)(next + 1 - bytes);
        }
        if (self->discarding) {
            next++;
        } else if (self->block_remaining == 0) {
            begin_block(self, *next++);
        } else {
            next = copy_block(self, next, end);
        }
    }
    return length;
}

size_t frame_encode(uint8_t *buffer, size_t payload_offset, size_t payload_bytes) {
    const uint8_t *next = buffer + payload_offset;
    uint8_t *behind = buffer + payload_offset + payload_bytes;
    uint32_t crc = crc32(next, payload_bytes);
    for (uint32_t i = 0; i < FRAME_CRC_BYTES; i++) {
        *behind++ = (uint8_t)(crc >> (8u * i));
    }
    /* The offset is the number of code bytes, so writing never overtakes reading. */
    uint8_t *code_at = buffer;
    uint8_t *out = buffer + 1;
    while (next != behind) {
        uint8_t byte = *next++;
        if (byte != 0) {
            *out++ = byte;
        }
        size_t code = (size_t)(out - code_at);
        if (byte == 0 || (code == 0xffu && next != behind)) {
            *code_at = (uint8_t)code;
            code_at = out++;
        }
    }
    *code_at = (uint8_t)(out - code_at);
    *out++ = 0;
    return (size_t)(out - buffer);
}
