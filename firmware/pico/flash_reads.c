#include "flash_reads.h"

#include <stdbool.h>
#include <string.h>

#include "hardware/regs/addressmap.h"
#include "pico.h"
#include "pico/bootrom.h"

#define STAGE_WORDS 64u
#define WINBOND 0xefu
#define GIGADEVICE 0xc8u

/* The SDK's second stage for chips like the W25Q080. The SDK has no name for it in C. Like all second stages it runs
 * from wherever it is copied to, and returns to who calls it with flash readable. */
extern const uint8_t fast_stage[] __asm__("_stage2_boot");

typedef void (*stage)(void);

static bool fast;

/* The compiler does not know that what was written is run. */
static __force_inline stage entry(const uint32_t *code) {
    __asm__ volatile("dsb\n\tisb" : : "r"(code) : "memory");
    return (stage)((uintptr_t)code | 1u);
}

static void copy_fast_stage(uint32_t *code) {
    memcpy(code, (const void *)((uintptr_t)fast_stage & ~(uintptr_t)1u), STAGE_WORDS * sizeof *code);
}

/* Runs the fast stage, and goes back to the slow one when flash does not begin with the slow one any more. In SRAM:
 * flash may be unreadable meanwhile. */
static bool __no_inline_not_in_flash_func(try_fast)(const uint32_t *fast_code, const uint32_t *slow_code) {
    const volatile uint32_t *flash = (const volatile uint32_t *)XIP_NOCACHE_NOALLOC_BASE;
    rom_connect_internal_flash_fn connect =
        (rom_connect_internal_flash_fn)rom_func_lookup_inline(ROM_FUNC_CONNECT_INTERNAL_FLASH);
    rom_flash_exit_xip_fn exit_xip = (rom_flash_exit_xip_fn)rom_func_lookup_inline(ROM_FUNC_FLASH_EXIT_XIP);
    rom_flash_flush_cache_fn flush = (rom_flash_flush_cache_fn)rom_func_lookup_inline(ROM_FUNC_FLASH_FLUSH_CACHE);
    entry(fast_code)();
    for (uint32_t at = 0; at < STAGE_WORDS; at++) {
        if (flash[at] != slow_code[at]) {
            connect();
            exit_xip();
            flush();
            entry(slow_code)();
            return false;
        }
    }
    return true;
}

void flash_reads_init(uint32_t jedec_id) {
    uint32_t fast_code[STAGE_WORDS], slow_code[STAGE_WORDS];
    const uint32_t maker = jedec_id >> 16 & 0xffu;
    if (maker != WINBOND && maker != GIGADEVICE) {
        return;
    }
    copy_fast_stage(fast_code);
    memcpy(slow_code, (const void *)XIP_BASE, sizeof slow_code);
    fast = try_fast(fast_code, slow_code);
}

void flash_reads_resume(void) {
    uint32_t code[STAGE_WORDS];
    if (fast) {
        copy_fast_stage(code);
        entry(code)();
    }
}
