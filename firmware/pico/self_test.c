#include "self_test.h"

#include <stdbool.h>
#include <string.h>

#include "cycles.h"
#include "flash.h"
#include "hardware/adc.h"
#include "hardware/irq.h"
#include "hardware/structs/nvic.h"
#include "hardware/structs/usb.h"
#include "hardware/sync.h"
#include "hardware/timer.h"
#include "memory.h"
#include "pico.h"
#include "priot.pb.h"

#define CLOCK_US 50000u /* SysTick's 24 bits are 84 ms at 200 MHz */
#define FRAMES_US 200000u
#define FRAME_NUMBERS 2048u
#define WAKE_ALARM 1u
#define WAKE_IRQ TIMER_IRQ_1
#define TEMPERATURE_INPUT 4u
#define TEMPERATURE_SAMPLES 16u
#define ADC_TIMEOUT_US 1000u

/* ---- clocks ------------------------------------------------------------------------------------------------------ */

static uint32_t cycles_awake(void) {
    uint32_t start_us = timer_hw->timerawl;
    uint32_t start = cycles_systick();
    while (timer_hw->timerawl - start_us < CLOCK_US) {
    }
    return cycles_systick_since(start);
}

static uint32_t sleep_start_us;

static bool slept(void) {
    return timer_hw->timerawl - sleep_start_us >= CLOCK_US;
}

static void wake(void) {
    timer_hw->intr = 1u << WAKE_ALARM;
}

static uint32_t cycles_asleep(void) {
    irq_set_exclusive_handler(WAKE_IRQ, wake);
    hw_set_bits(&timer_hw->inte, 1u << WAKE_ALARM);
    irq_set_enabled(WAKE_IRQ, true);
    sleep_start_us = timer_hw->timerawl;
    uint32_t start = cycles_systick();
    timer_hw->alarm[WAKE_ALARM] = sleep_start_us + CLOCK_US + 2u; /* later than slept() asks for */
    while (!slept()) {
        cycles_sleep_unless(slept);
    }
    uint32_t cycles = cycles_systick_since(start);
    irq_set_enabled(WAKE_IRQ, false);
    hw_clear_bits(&timer_hw->inte, 1u << WAKE_ALARM);
    irq_remove_handler(WAKE_IRQ, wake);
    return cycles;
}

/* The host's clock, by which it starts a frame every millisecond, against the board's. */
static uint32_t frames(void) {
    uint32_t start_us = timer_hw->timerawl;
    uint32_t start = usb_hw->sof_rd;
    while (timer_hw->timerawl - start_us < FRAMES_US) {
    }
    return (usb_hw->sof_rd - start) % FRAME_NUMBERS;
}

static uint32_t test_clock(uint32_t *values) {
    values[0] = cycles_awake();
    values[1] = cycles_asleep();
    values[2] = frames();
    return 3;
}

/* ---- memory: a march over the arena, bits and addresses ---------------------------------------------------------- */

typedef struct {
    volatile uint32_t *words;
    uint32_t count, errors, address, expected, found;
} march;

static void expect_word(march *self, uint32_t at, uint32_t expected) {
    uint32_t found = self->words[at];
    if (found == expected) {
        return;
    }
    if (self->errors == 0) {
        self->address = (uint32_t)(uintptr_t)&self->words[at];
        self->expected = expected;
        self->found = found;
    }
    self->errors++;
}

static void march_up(march *self, uint32_t expected, uint32_t next) {
    for (uint32_t at = 0; at < self->count; at++) {
        expect_word(self, at, expected);
        self->words[at] = next;
    }
}

static void march_down(march *self, uint32_t expected, uint32_t next) {
    for (uint32_t at = self->count; at-- > 0;) {
        expect_word(self, at, expected);
        self->words[at] = next;
    }
}

static uint32_t test_memory(uint32_t *values) {
    march self = {.words = memory_arena(), .count = memory_arena_bytes() / sizeof(uint32_t)};
    for (uint32_t at = 0; at < self.count; at++) {
        self.words[at] = 0;
    }
    march_up(&self, 0, UINT32_MAX);
    march_up(&self, UINT32_MAX, 0);
    march_down(&self, 0, UINT32_MAX);
    march_down(&self, UINT32_MAX, 0x55555555u);
    for (uint32_t at = 0; at < self.count; at++) {
        expect_word(&self, at, 0x55555555u);
        self.words[at] = at * 2654435761u; /* differs from word to word: two addresses of one cell show */
    }
    for (uint32_t at = 0; at < self.count; at++) {
        expect_word(&self, at, at * 2654435761u);
    }
    values[0] = self.count * sizeof(uint32_t);
    values[1] = self.errors;
    values[2] = self.address;
    values[3] = self.expected;
    values[4] = self.found;
    return 5;
}

/* ---- temperature ------------------------------------------------------------------------------------------------- */

static uint32_t test_temperature(uint32_t *values) {
    adc_init();
    adc_set_temp_sensor_enabled(true);
    adc_select_input(TEMPERATURE_INPUT);
    uint32_t sum = 0;
    for (uint32_t i = 0; i < TEMPERATURE_SAMPLES; i++) {
        hw_set_bits(&adc_hw->cs, ADC_CS_START_ONCE_BITS);
        uint32_t start_us = timer_hw->timerawl;
        while (!(adc_hw->cs & ADC_CS_READY_BITS) && timer_hw->timerawl - start_us < ADC_TIMEOUT_US) {
        }
        sum += adc_hw->result;
    }
    adc_set_temp_sensor_enabled(false);
    values[0] = sum / TEMPERATURE_SAMPLES;
    return 1;
}

uint32_t self_test(uint32_t kind, uint32_t *values) {
    switch (kind) {
    case priot_SelfTestKind_SELF_TEST_KIND_CLOCK:
        return test_clock(values);
    case priot_SelfTestKind_SELF_TEST_KIND_MEMORY:
        return test_memory(values);
    case priot_SelfTestKind_SELF_TEST_KIND_FLASH:
        return flash_self_test(values);
    case priot_SelfTestKind_SELF_TEST_KIND_CYCLES:
        return cycles_self_test(values);
    case priot_SelfTestKind_SELF_TEST_KIND_TEMPERATURE:
        return test_temperature(values);
    default:
        return 0;
    }
}

void self_test_hang(void) {
    (void)save_and_disable_interrupts();
    nvic_hw->icer = UINT32_MAX;
    for (;;) {
        __wfi();
    }
}
