/* A session takes messages in and sends messages out: the device's side of the wire contract (docs/wire.md,
 * proto/priot.proto) as one state machine. It knows frames, messages and the engine; no transport, no clock, no
 * interrupts. */
#ifndef PRIOT_SESSION_H
#define PRIOT_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "checkpoint_slots.h"

#define SESSION_PROTOCOL_VERSION 3u
#define SESSION_MAX_FRAME_BYTES 4224u /* payload + CRC, before COBS: an image of up to 4,096 bytes */
#define SESSION_MAX_REPLY_BYTES 2048u /* payload + CRC of the largest device message */
#define SESSION_MAX_IMAGE_BYTES 4096u
#define SESSION_MAX_CHUNK_BYTES 1024u /* of a tensor, in one message */
#define SESSION_SELF_TEST_VALUES 16u
#define SESSION_MAX_WINDOW 16u /* frames in flight; as many step results are kept */

/* The marks of a place's memories, in bytes; 0: the place has no such memory. */
typedef struct {
    uint32_t static_bytes;
    uint32_t code_bytes; /* of static_bytes, code that runs from SRAM */
    uint32_t stack_high_water_bytes;
    uint32_t stack_bytes;
    uint32_t flash_bytes; /* the firmware image */
} session_memory_marks;

/* What the place provides. Called only from session_receive and session_log, never from an interrupt. All but
 * program_weights, checkpoints, self_test and hang must be there. */
typedef struct {
    void *context;
    /* Sends encoded bytes of one frame, its 0x00 included. Blocks until accepted; drops when nobody listens. */
    void (*send)(void *context, const uint8_t *bytes, size_t length);
    /* Programs frozen weights, `offset` bytes, whole sectors, into the flash kept for them (and leaves alone what holds
     * them already); returns where they can be read, NULL on failure. NULL pointer: no flash. */
    const int8_t *(*program_weights)(void *context, uint32_t offset, const int8_t *weights, uint32_t length);
    /* Where checkpoints of the learned state are kept; slot_bytes 0: nowhere. */
    checkpoint_flash checkpoints;
    /* Leaves for a reset, or the boot ROM's drive. May return where that is not possible. */
    void (*restart)(void *context, bool bootsel);
    /* Cycles since boot, wrapping at 2^32: spent idle (waiting for bytes, outside of session_receive), and on the wire
     * (in interrupts and in send). The session itself times, by engine_cycles(), its handling of frames and messages.
     */
    uint32_t (*idle_cycles)(void *context);
    uint32_t (*wire_cycles)(void *context);
    /* Returns what Statistics leaves to the place. */
    session_memory_marks (*memory_marks)(void *context);
    /* Measures the place itself: writes up to SESSION_SELF_TEST_VALUES values and returns how many; 0: it has no test
     * of that kind (SelfTestKind of the .proto). Overwrites the arena and the end of the flash for weights as it needs;
     * no network is open meanwhile. NULL: it has none at all. */
    uint32_t (*self_test)(void *context, uint32_t kind, uint32_t *values);
    /* Hangs, so that the place's watchdog must end it. NULL exactly when self_test is. */
    void (*hang)(void *context);
} session_platform;

/* Who the device is: constant after boot, sent in Hello. Strings are NUL terminated, cut to the wire's bounds. */
typedef struct {
    const char *firmware_commit, *firmware_compiler, *firmware_flags;
    uint8_t board_id[8];
    uint32_t boot_id;
    uint32_t reset_cause; /* ResetCause of the .proto */
    bool has_panic;
    uint32_t panic_program_counter, panic_link_register;
    const char *panic_reason;
    uint32_t clock_hz, sram_bytes, flash_bytes, weights_flash_bytes;
    uint32_t chip_revision, boot_rom_version, flash_jedec_id; /* 0: there is no such chip */
    void *arena;
    uint32_t arena_bytes;
    uint32_t receive_buffer_bytes; /* what the place buffers between calls: decides the window */
} session_identity;

/* Both are copied; what they point to must stay. */
void session_init(const session_platform *platform, const session_identity *identity);

/* Feeds received bytes, any number, any content. Answers are sent through the platform before it returns.
 * One complete frame at most is handled per call: returns the bytes consumed (> 0 when length > 0); call again with the
 * rest. So the caller can look after other things between frames. */
size_t session_receive(const uint8_t *bytes, size_t length);

/* Sends a log line (level: LogLevel of the .proto). The place prints the same line on its console. Not from an
 * interrupt and not from within `send`. */
void session_log(uint32_t level, const char *text);

#endif
