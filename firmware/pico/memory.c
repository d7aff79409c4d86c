#include "memory.h"

#include "hardware/regs/addressmap.h"

#define PAINT 0x5374616bu
#define STACK_BYTES PICO_STACK_SIZE
#define ARENA_ALIGNMENT 8u
#define LIVE_FRAME_BYTES 64u /* of memory_init itself, left alone */

/* Symbols of the linker script. The second core's stack is empty, so RAM up to the stack is one piece. */
extern char __end__[], __StackTop[], __flash_binary_end[], __sram_code_start__[], __sram_code_end__[];

static uint32_t *stack_bottom(void) {
    return (uint32_t *)((uintptr_t)__StackTop - STACK_BYTES);
}

void memory_init(void) {
    uint32_t *end = (uint32_t *)((uintptr_t)__builtin_frame_address(0) - LIVE_FRAME_BYTES);
    for (uint32_t *word = stack_bottom(); word < end; word++) {
        *(volatile uint32_t *)word = PAINT;
    }
}

void *memory_arena(void) {
    return (void *)(((uintptr_t)__end__ + ARENA_ALIGNMENT - 1u) & ~(uintptr_t)(ARENA_ALIGNMENT - 1u));
}

uint32_t memory_arena_bytes(void) {
    return (uint32_t)((uintptr_t)stack_bottom() - (uintptr_t)memory_arena());
}

uint32_t memory_static_bytes(void) {
    return (uint32_t)((uintptr_t)memory_arena() - SRAM_BASE);
}

uint32_t memory_code_bytes(void) {
    return (uint32_t)((uintptr_t)__sram_code_end__ - (uintptr_t)__sram_code_start__);
}

uint32_t memory_stack_bytes(void) {
    return STACK_BYTES;
}

uint32_t memory_stack_high_water_bytes(void) {
    const volatile uint32_t *word = stack_bottom();
    while (*word == PAINT) {
        word++;
    }
    return (uint32_t)((uintptr_t)__StackTop - (uintptr_t)word);
}

uint32_t memory_image_bytes(void) {
    return (uint32_t)((uintptr_t)__flash_binary_end - XIP_BASE);
}
