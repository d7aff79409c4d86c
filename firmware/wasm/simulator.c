/* The simulator's entry: engine and session as one WebAssembly module. No cycle counter; flash for checkpoints alone.
 * The host moves bytes in and out, and holds what is in flash. */
#include "../engine/engine.h"
#include "../engine/one_core.h"
#include "../session/frame.h"
#include "../session/session.h"

#define ARENA_BYTES (128u << 20) /* a network of 2^24 edges, or VGG11 at full width with the fast kernels */
/* The state of any network, and the header before it. */
#define CHECKPOINT_SLOT_BYTES (ENGINE_MAX_EDGES + CHECKPOINT_SECTOR_BYTES)

/* Imports from the host: one sends the bytes of one frame, one starts the module anew. */
__attribute__((import_module("host"), import_name("send"))) void host_send(const uint8_t *bytes, size_t length);
__attribute__((import_module("host"), import_name("restart"))) void host_restart(void);
/* NOR flash, as checkpoint_slots.h has it. */
__attribute__((import_module("host"), import_name("readFlash"))) void host_read_flash(uint32_t offset, uint8_t *bytes,
                                                                                      uint32_t length);
__attribute__((import_module("host"), import_name("eraseSector"))) void host_erase_sector(uint32_t offset);
__attribute__((import_module("host"), import_name("programPage"))) void host_program_page(uint32_t offset,
                                                                                          const uint8_t *page);

static _Alignas(16) uint8_t arena[ARENA_BYTES];
/* A full window of the largest frames. */
static uint8_t receive_buffer[SESSION_MAX_WINDOW * FRAME_WIRE_BYTES(SESSION_MAX_FRAME_BYTES)];

uint32_t engine_cycles(void) {
    return 0;
}

static void send_bytes(void *context, const uint8_t *bytes, size_t length) {
    (void)context;
    host_send(bytes, length);
}

static void restart(void *context, bool bootsel) {
    (void)context;
    (void)bootsel; /* there is no boot ROM to go to */
    host_restart();
}

static void read_flash(void *context, uint32_t offset, uint8_t *bytes, uint32_t length) {
    (void)context;
    host_read_flash(offset, bytes, length);
}

static void erase_sector(void *context, uint32_t offset) {
    (void)context;
    host_erase_sector(offset);
}

static void program_page(void *context, uint32_t offset, const uint8_t *page) {
    (void)context;
    host_program_page(offset, page);
}

static uint32_t no_cycles(void *context) {
    (void)context;
    return 0;
}

static session_memory_marks memory_marks(void *context) {
    (void)context;
    return (session_memory_marks){0};
}

/* Boots; the address of the receive buffer. `reset_cause` is a ResetCause of the .proto. */
__attribute__((export_name("boot"))) uint8_t *boot(uint32_t boot_id, uint32_t reset_cause) {
    const session_platform platform = {
        .send = send_bytes,
        .checkpoints = {.slot_bytes = CHECKPOINT_SLOT_BYTES,
                        .read = read_flash,
                        .erase_sector = erase_sector,
                        .program_page = program_page},
        .restart = restart,
        .idle_cycles = no_cycles,
        .wire_cycles = no_cycles,
        .memory_marks = memory_marks,
    };
    const session_identity identity = {
        .firmware_commit = FIRMWARE_COMMIT,
        .firmware_compiler = FIRMWARE_COMPILER,
        .firmware_flags = FIRMWARE_FLAGS,
        .board_id = {'P', 'R', 'I', 'O', 'T', 'S', 'I', 'M'},
        .boot_id = boot_id,
        .reset_cause = reset_cause,
        .arena = arena,
        .arena_bytes = sizeof arena,
        .receive_buffer_bytes = sizeof receive_buffer,
    };
    session_init(&platform, &identity);
    return receive_buffer;
}

__attribute__((export_name("receiveBufferBytes"))) uint32_t receive_buffer_bytes(void) {
    return sizeof receive_buffer;
}

/* Handles bytes of the receive buffer, one frame at most; returns how many were taken. */
__attribute__((export_name("receive"))) uint32_t receive(uint32_t offset, uint32_t length) {
    return (uint32_t)session_receive(receive_buffer + offset, length);
}
