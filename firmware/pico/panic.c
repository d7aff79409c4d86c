/* Every way to die ends in a boot record: hard faults, the SDK's panics, failed assertions. */
#include "boot_record.h"
#include "pico.h"

void isr_hardfault(void);
void hard_fault(const uint32_t *frame) __attribute__((noreturn, used));
void panic_message(const char *format, ...) __attribute__((noreturn));
void __assert_func(const char *file, int line, const char *function, const char *expression) __attribute__((noreturn));

/* Words of the frame that the core pushes on an exception. */
#define FRAME_LR 5
#define FRAME_PC 6

void hard_fault(const uint32_t *frame) {
    boot_record_panic(frame[FRAME_PC], frame[FRAME_LR], "hard fault");
}

void __attribute__((naked)) isr_hardfault(void) {
    __asm volatile("mrs r0, msp\n"
                   "ldr r1, =hard_fault\n"
                   "bx r1\n"
                   ".ltorg\n");
}

/* The SDK's panic() jumps here (PICO_PANIC_FUNCTION). The format is the reason: printing it would need a printf. */
void panic_message(const char *format, ...) {
    uint32_t caller = (uint32_t)__builtin_return_address(0);
    boot_record_panic(caller, caller, format ? format : "panic");
}

void __assert_func(const char *file, int line, const char *function, const char *expression) {
    (void)file;
    (void)line;
    (void)function;
    uint32_t caller = (uint32_t)__builtin_return_address(0);
    boot_record_panic(caller, caller, expression);
}

/* newlib's exit path and abort() end here. */
void _exit(int status) __attribute__((noreturn));
void _exit(int status) {
    (void)status;
    uint32_t caller = (uint32_t)__builtin_return_address(0);
    boot_record_panic(caller, caller, "exit");
}
