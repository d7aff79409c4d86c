/* The engine and the session on another processor model: QEMU's mps2-an385, a Cortex-M3, executes the very objects of
 * the firmware image, which are ARMv6-M code. A second opinion on the kernels: QEMU's decoder and flags are not those
 * of the project's emulator. Frames come and go by semihosting, through the standard streams of QEMU's process; there
 * is no clock, so no cycles are counted. Flash is the machine's second RAM. */
#include "engine.h"
#include "one_core.h"
#include "session.h"

#include <string.h>

#define SYS_OPEN 0x01u
#define SYS_WRITE 0x05u
#define SYS_READ 0x06u
#define SYS_EXIT 0x18u
#define OPEN_READ_BINARY 1u
#define OPEN_WRITE_BINARY 5u
#define STOPPED_BY_EXIT 0x20026u
#define STOPPED_BY_ERROR 0x20023u

/* The arena is as large as the board's, so that plans are the board's. */
#define ARENA_BYTES 236048u
#define RECEIVE_BYTES 2048u
#define WEIGHTS_BYTES (1024u * 1024u)
#define SLOT_BYTES (384u * 1024u)
#define FLASH ((uint8_t *)0x21000000u)
#define CHECKPOINTS (FLASH + WEIGHTS_BYTES)

/* Symbols of the linker script. */
extern char __stack_top[], __data_load[], __data_start[], __data_bytes[], __bss_start[], __bss_bytes[];

int main(void);
void reset(void) __attribute__((noreturn));
void fault(void) __attribute__((noreturn));

__attribute__((section(".vectors"), used)) static const void *const vectors[] = {
    __stack_top, (void *)reset, (void *)fault, (void *)fault, (void *)fault, (void *)fault, (void *)fault,
};

static uint32_t semihosting(uint32_t operation, const void *argument) {
    register uint32_t r0 __asm("r0") = operation;
    register const void *r1 __asm("r1") = argument;
    __asm volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
    return r0;
}

static void __attribute__((noreturn)) leave(uint32_t reason) {
    semihosting(SYS_EXIT, (const void *)reason);
    for (;;) {
    }
}

void fault(void) {
    leave(STOPPED_BY_ERROR);
}

void reset(void) {
    /* by hand: memcpy itself is copied here. volatile, or the compiler would call it */
    for (size_t i = 0; i < (size_t)__data_bytes; i++) {
        ((volatile char *)__data_start)[i] = __data_load[i];
    }
    for (size_t i = 0; i < (size_t)__bss_bytes; i++) {
        ((volatile char *)__bss_start)[i] = 0;
    }
    main();
    leave(STOPPED_BY_EXIT);
}

static uint32_t open_file(const char *path, uint32_t mode) {
    const uint32_t arguments[] = {(uint32_t)path, mode, strlen(path)};
    return semihosting(SYS_OPEN, arguments);
}

static uint32_t input, output;

static void send(void *context, const uint8_t *bytes, size_t length) {
    (void)context;
    const uint32_t arguments[] = {output, (uint32_t)bytes, length};
    if (semihosting(SYS_WRITE, arguments) != 0) {
        leave(STOPPED_BY_ERROR);
    }
}

/* Waits for bytes; 0 at the end of the stream. */
static uint32_t receive(uint8_t *bytes, uint32_t length) {
    const uint32_t arguments[] = {input, (uint32_t)bytes, length};
    return length - semihosting(SYS_READ, arguments);
}

static const int8_t *program_weights(void *context, uint32_t offset, const int8_t *weights, uint32_t length) {
    (void)context;
    memcpy(FLASH + offset, weights, length);
    return (const int8_t *)FLASH + offset;
}

static void read_checkpoints(void *context, uint32_t offset, uint8_t *bytes, uint32_t length) {
    (void)context;
    memcpy(bytes, CHECKPOINTS + offset, length);
}

static void erase_sector(void *context, uint32_t offset) {
    (void)context;
    memset(CHECKPOINTS + offset, 0xff, CHECKPOINT_SECTOR_BYTES);
}

static void program_page(void *context, uint32_t offset, const uint8_t *page) {
    (void)context;
    for (uint32_t i = 0; i < CHECKPOINT_PAGE_BYTES; i++) {
        CHECKPOINTS[offset + i] &= page[i];
    }
}

static void restart(void *context, bool bootsel) {
    (void)context;
    (void)bootsel;
    leave(STOPPED_BY_EXIT);
}

static uint32_t no_cycles(void *context) {
    (void)context;
    return 0;
}

uint32_t engine_cycles(void) {
    return 0;
}

static session_memory_marks memory_marks(void *context) {
    (void)context;
    return (session_memory_marks){0};
}

int main(void) {
    static _Alignas(8) uint8_t arena[ARENA_BYTES];
    static uint8_t bytes[RECEIVE_BYTES];
    const session_platform platform = {
        .send = send,
        .program_weights = program_weights,
        .checkpoints = {.slot_bytes = SLOT_BYTES,
                        .read = read_checkpoints,
                        .erase_sector = erase_sector,
                        .program_page = program_page},
        .restart = restart,
        .idle_cycles = no_cycles,
        .wire_cycles = no_cycles,
        .memory_marks = memory_marks,
    };
    const session_identity identity = {
        .firmware_commit = "qemu",
        .board_id = {'P', 'R', 'I', 'O', 'T', 'E', 'M', 'U'},
        .boot_id = 1,
        .sram_bytes = 264u * 1024u,
        .flash_bytes = 2u * 1024u * 1024u,
        .weights_flash_bytes = WEIGHTS_BYTES,
        .arena = arena,
        .arena_bytes = ARENA_BYTES,
        .receive_buffer_bytes = RECEIVE_BYTES,
    };
    input = open_file("/dev/stdin", OPEN_READ_BINARY);
    output = open_file("/dev/stdout", OPEN_WRITE_BINARY);
    session_init(&platform, &identity);
    for (uint32_t length = receive(bytes, sizeof bytes); length > 0; length = receive(bytes, sizeof bytes)) {
        for (uint32_t taken = 0; taken < length;) {
            taken += session_receive(bytes + taken, length - taken);
        }
    }
    return 0;
}
