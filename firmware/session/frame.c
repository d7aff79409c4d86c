#include "frame.h"

#include "crc32.h"

static uint32_t read_little_endian(const uint8_t *bytes) {
    return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

static inline size_t smaller(size_t a, size_t b) {
    return a < b ? a : b;
}

/* Copies bytes up to the next zero; returns how many. */
static inline size_t copy_run(uint8_t *out, const uint8_t *next, size_t longest) {
    size_t run = 0;
    while (run != longest && next[run] != 0) {
        out[run] = next[run];
        run++;
    }
    return run;
}

/* Writes a zero for every code that ends the block before it and holds nothing itself; returns how many. */
static inline size_t zero_run(uint8_t *out, const uint8_t *next, size_t longest) {
    size_t run = 0;
    while (run != longest && next[run] == 1) {
        out[run++] = 0;
    }
    return run;
}

/* Decodes up to the next 0x00, which it leaves, or the end. Most bytes of an image are zeros, and so most of a frame is
 * blocks of one code and nothing else. */
static const uint8_t *decode(frame_decoder *self, const uint8_t *next, const uint8_t *end) {
    uint8_t *out = self->frame + self->length;
    uint8_t *const limit = self->frame + SESSION_MAX_FRAME_BYTES;
    uint32_t remaining = self->block_remaining;
    bool zero_due = self->zero_due;
    while (next != end && *next != 0) {
        size_t longest = smaller((size_t)(end - next), (size_t)(limit - out));
        if (remaining != 0) {
            size_t run = copy_run(out, next, smaller(longest, remaining));
            if (run == 0) { /* no room */
                self->discarding = true;
                break;
            }
            next += run;
            out += run;
            remaining -= (uint32_t)run;
            continue;
        }
        if (zero_due) {
            size_t run = zero_run(out, next, longest);
            next += run;
            out += run;
            if (next == end || *next == 0) {
                break;
            }
            if (out == limit) {
                self->discarding = true;
                break;
            }
            *out++ = 0;
        }
        remaining = *next - 1u;
        zero_due = *next != 0xffu;
        next++;
    }
    self->length = (uint32_t)(out - self->frame);
    self->block_remaining = remaining;
    self->zero_due = zero_due;
    return next;
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
    if (length == 0) {
        return 0;
    }
    self->started = self->started || *next != 0;
    if (!self->discarding) {
        next = decode(self, next, end);
    }
    if (self->discarding) {
        while (next != end && *next != 0) {
            next++;
        }
    }
    if (next == end) {
        return length;
    }
    *event = finish(self, payload_bytes);
    return (size_t)(next + 1 - bytes);
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
