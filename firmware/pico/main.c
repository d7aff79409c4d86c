/* The board: brings everything up, then hands received bytes to the session for ever. */
#include "boot_record.h"
#include "build_info.h"
#include "console.h"
#include "cycles.h"
#include "flash.h"
#include "hardware/clocks.h"
#include "hardware/watchdog.h"
#include "memory.h"
#include "pico/bootrom.h"
#include "pico.h"
#include "pulse.h"
#include "self_test.h"
#include "session.h"
#include "usb_link.h"

#include <string.h>

static void send(void *context, const uint8_t *bytes, size_t length) {
    (void)context;
    usb_link_send(bytes, length);
}

static const int8_t *program_weights(void *context, uint32_t offset, const int8_t *weights, uint32_t length) {
    (void)context;
    return flash_program_weights(offset, weights, length);
}

static void restart(void *context, bool bootsel) {
    (void)context;
    usb_link_leave();
    if (bootsel) {
        reset_usb_boot(0, 0);
    }
    boot_record_requested();
    watchdog_reboot(0, 0, 0);
    for (;;) {
        tight_loop_contents();
    }
}

static uint32_t run_self_test(void *context, uint32_t kind, uint32_t *values) {
    (void)context;
    return self_test(kind, values);
}

static void hang(void *context) {
    (void)context;
    usb_link_leave();
    self_test_hang();
}

static uint32_t idle_cycles(void *context) {
    (void)context;
    return usb_link_idle_cycles();
}

static uint32_t wire_cycles(void *context) {
    (void)context;
    return cycles_in_interrupts() + usb_link_send_cycles();
}

static session_memory_marks memory_marks(void *context) {
    (void)context;
    return (session_memory_marks){.static_bytes = memory_static_bytes(),
                                  .code_bytes = memory_code_bytes(),
                                  .stack_high_water_bytes = memory_stack_high_water_bytes(),
                                  .stack_bytes = memory_stack_bytes(),
                                  .flash_bytes = memory_image_bytes()};
}

static const char *hexadecimal(const uint8_t id[FLASH_BOARD_ID_BYTES]) {
    static char text[2u * FLASH_BOARD_ID_BYTES + 1u];
    for (size_t i = 0; i < FLASH_BOARD_ID_BYTES; i++) {
        text[2u * i] = "0123456789ABCDEF"[id[i] >> 4];
        text[2u * i + 1u] = "0123456789ABCDEF"[id[i] & 15u];
    }
    return text;
}

static void announce(const session_identity *identity, const char *serial) {
    static const char *const causes[] = {"power on", "run pin", "watchdog", "panic", "request", "the boot ROM"};
    console_text("priot " FIRMWARE_COMMIT ", board ");
    console_text(serial);
    console_text(", boot ");
    console_hex(identity->boot_id);
    console_text(" after ");
    console_text(causes[identity->reset_cause]);
    console_text(", arena ");
    console_decimal(identity->arena_bytes);
    console_text(" bytes");
    console_end_line();
    if (identity->has_panic) {
        console_text("last run panicked: ");
        console_text(identity->panic_reason);
        console_text(", pc ");
        console_hex(identity->panic_program_counter);
        console_text(", lr ");
        console_hex(identity->panic_link_register);
        console_end_line();
    }
}

static void beat(void) {
    if (usb_link_bootsel_wanted()) {
        reset_usb_boot(0, 0);
    }
    if (!usb_link_connected()) {
        pulse_blink();
    }
}

int main(void) {
    memory_init();
    console_init();
    cycles_init();
    const flash_identity flash = flash_init();

    const session_platform platform = {
        .send = send,
        .program_weights = program_weights,
        .checkpoints = flash_checkpoints(),
        .restart = restart,
        .idle_cycles = idle_cycles,
        .wire_cycles = wire_cycles,
        .memory_marks = memory_marks,
        .self_test = run_self_test,
        .hang = hang,
    };
    static session_identity identity = {
        .firmware_commit = FIRMWARE_COMMIT,
        .firmware_compiler = FIRMWARE_COMPILER,
        .firmware_flags = FIRMWARE_FLAGS,
        .sram_bytes = MEMORY_SRAM_BYTES,
        .receive_buffer_bytes = USB_LINK_RECEIVE_BYTES,
    };
    memcpy(identity.board_id, flash.board_id, sizeof identity.board_id);
    identity.flash_bytes = flash.bytes;
    identity.weights_flash_bytes = flash.weights_bytes;
    identity.flash_jedec_id = flash.jedec_id;
    identity.chip_revision = rp2040_chip_version();
    identity.boot_rom_version = rp2040_rom_version();
    boot_record_init(identity.board_id);
    identity.boot_id = boot_id();
    identity.reset_cause = boot_reset_cause();
    const boot_panic *last_panic = boot_last_panic();
    if (last_panic != NULL) {
        identity.has_panic = true;
        identity.panic_program_counter = last_panic->program_counter;
        identity.panic_link_register = last_panic->link_register;
        identity.panic_reason = last_panic->reason;
    }
    identity.clock_hz = clock_get_hz(clk_sys);
    identity.arena = memory_arena();
    identity.arena_bytes = memory_arena_bytes();

    const char *serial = hexadecimal(identity.board_id);
    announce(&identity, serial);
    session_init(&platform, &identity);
    usb_link_init(serial);
    pulse_init(beat);
    for (;;) {
        const uint8_t *bytes;
        size_t length = usb_link_received(&bytes);
        if (length > 0) {
            pulse_working();
            usb_link_release(session_receive(bytes, length));
        } else {
            usb_link_wait();
        }
    }
}
