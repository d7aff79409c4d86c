/* What instructions, flash and interrupts cost: each as the cycles of 1,024 of them, without the loop around them. */
#include "cycles.h"
#include "hardware/dma.h"
#include "hardware/irq.h"
#include "hardware/sync.h"
#include "hardware/xip_cache.h"
#include "memory.h"
#include "pico.h"

#include <string.h>

#define TIMES 1024u
#define LOOPS_OFFSET 64u
#define PROBE_IRQ 30u /* no hardware is behind it */
#define STREAM_CHANNEL 0u
#define STREAM_TRANSFERS 8192u /* longer than the loads take */
#define STREAM_WORDS                                                                                                   \
    4u /* from the word that is read to the one that is written: another bank or not, both are busy                    \
        */

/* instruction_costs.S: loops that run from SRAM, where they are copied to. */
typedef void (*cost_loop)(uintptr_t address);
void cost_nothing(uintptr_t address);
void cost_multiply(uintptr_t address);
void cost_load(uintptr_t address);
void cost_store(uintptr_t address);
void cost_branch(uintptr_t address);
void cost_lines(uintptr_t address);
extern const uint8_t instruction_costs[];
extern const uint32_t instruction_costs_bytes;

/* In the arena, which is free: what is read and written, and the loops. */
static uintptr_t data_word(void) {
    return (uintptr_t)memory_arena();
}

static uint8_t *loops(void) {
    return (uint8_t *)memory_arena() + LOOPS_OFFSET;
}

static uint32_t time_of(cost_loop loop, uintptr_t address) {
    /* the copy has the same place among the copies, and the same Thumb bit */
    cost_loop copy = (cost_loop)((uintptr_t)loop - (uintptr_t)instruction_costs + (uintptr_t)loops());
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
    return count;
}
