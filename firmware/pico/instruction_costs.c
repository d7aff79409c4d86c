/* What instructions, flash and interrupts cost: each as the cycles of 1,024 of them, without the loop around them. */
#include "cycles.h"
#include "hardware/dma.h"
#include "hardware/irq.h"
#include "hardware/regs/addressmap.h"
#include "hardware/sync.h"
#include "hardware/xip_cache.h"
#include "memory.h"
#include "pico.h"
#include "second_core.h"

#include <string.h>

#define TIMES 1024u
#define LOOPS_OFFSET 64u
#define PROBE_IRQ 30u /* no hardware is behind it */
#define STREAM_CHANNEL 0u
#define STREAM_TRANSFERS 8192u /* longer than the loads take */
/* From the word that is read to the one that is written: SRAM's four banks take turns by word, so both are in one. */
#define STREAM_WORDS 4u

/* instruction_costs.S: loops that run from SRAM, where they are copied to. */
typedef void (*cost_loop)(uintptr_t address);
void cost_nothing(uintptr_t address);
void cost_multiply(uintptr_t address);
void cost_load(uintptr_t address);
void cost_store(uintptr_t address);
void cost_branch(uintptr_t address);
void cost_lines(uintptr_t address);
void cost_rival(uintptr_t address);
extern const uint8_t instruction_costs[];
extern const uint32_t instruction_costs_bytes;

/* In the arena, which is free: what is read and written, and the loops. */
static uintptr_t data_word(void) {
    return (uintptr_t)memory_arena();
}

static uint8_t *loops(void) {
    return (uint8_t *)memory_arena() + LOOPS_OFFSET;
}

/* The copy has the same place among the copies, and the same Thumb bit. */
static uintptr_t copy_of(cost_loop loop) {
    return (uintptr_t)loop - (uintptr_t)instruction_costs + (uintptr_t)loops();
}

static uint32_t time_of(cost_loop loop, uintptr_t address) {
    cost_loop copy = (cost_loop)copy_of(loop);
    uint32_t state = save_and_disable_interrupts();
    uint32_t start = cycles_systick();
    copy(address);
    uint32_t cycles = cycles_systick_since(start);
    restore_interrupts(state);
    return cycles;
}

static void probe(void) {}

static uint32_t interrupts(void) {
    irq_set_exclusive_handler(PROBE_IRQ, probe);
    irq_set_enabled(PROBE_IRQ, true);
    uint32_t start = cycles_systick();
    for (uint32_t i = 0; i < TIMES; i++) {
        irq_set_pending(PROBE_IRQ);
        __dsb();
        __isb();
    }
    uint32_t cycles = cycles_systick_since(start);
    irq_set_enabled(PROBE_IRQ, false);
    irq_remove_handler(PROBE_IRQ, probe);
    return cycles;
}

/* Loads from a word that DMA, a second master, reads all the time as well. */
static uint32_t contended_loads(void) {
    volatile uint32_t *word = (volatile uint32_t *)data_word();
    dma_channel_config config = dma_channel_get_default_config(STREAM_CHANNEL);
    channel_config_set_read_increment(&config, false);
    channel_config_set_write_increment(&config, false);
    dma_channel_configure(STREAM_CHANNEL, &config, word + STREAM_WORDS, word, STREAM_TRANSFERS, true);
    uint32_t cycles = time_of(cost_load, data_word());
    dma_channel_abort(STREAM_CHANNEL);
    return cycles;
}

/* Loads from a word that the second core reads all the time as well; 0: there is no second core. */
static uint32_t rivalled_loads(void) {
    static uintptr_t stack[2] __attribute__((aligned(8))); /* the second core's: it reads the first word, writes none */
    uint32_t cycles = 0;
    stack[0] = data_word();
    if (second_core_start(copy_of(cost_rival), (uintptr_t)stack)) {
        cycles = time_of(cost_load, data_word());
    }
    second_core_stop();
    return cycles;
}

uint32_t cycles_self_test(uint32_t *values) {
    const cost_loop kinds[] = {cost_multiply, cost_load, cost_store, cost_branch};
    memcpy(loops(), instruction_costs, instruction_costs_bytes);
    const uint32_t nothing = time_of(cost_nothing, data_word());
    uint32_t count = 0;
    for (; count < sizeof kinds / sizeof kinds[0]; count++) {
        values[count] = time_of(kinds[count], data_word()) - nothing;
    }
    time_of(cost_lines, XIP_BASE); /* into the cache */
    values[count++] = time_of(cost_lines, XIP_BASE);
    xip_cache_invalidate_all();
    values[count++] = time_of(cost_lines, XIP_BASE);
    values[count++] = interrupts();
    values[count++] = contended_loads() - nothing;
    values[count++] = time_of(cost_load, USBCTRL_DPRAM_BASE) - nothing;
    const uint32_t rivalled = rivalled_loads();
    values[count++] = rivalled == 0 ? 0 : rivalled - nothing;
    return count;
}
