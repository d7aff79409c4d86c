#include "pulse.h"

#include <stdint.h>

#include "cycles.h"
#include "hardware/gpio.h"
#include "hardware/irq.h"
#include "hardware/timer.h"
#include "hardware/watchdog.h"

#define BEAT_US 500000u
#define BEAT_ALARM 0u
#define BEAT_IRQ TIMER_IRQ_0
/* RP2040 datasheet 4.7: 24 bits that count down twice a microsecond (erratum E1), 8.3 s at most. */
#define WATCHDOG_MS 8000u
#define PATIENCE_BEATS 120u

static volatile uint32_t beats_since_sign;
static void (*each_beat)(void);

#ifdef PICO_DEFAULT_LED_PIN
static void led_init(void) {
    gpio_init(PICO_DEFAULT_LED_PIN);
    /* the same image runs on boards that have something else at this pin */
    gpio_set_drive_strength(PICO_DEFAULT_LED_PIN, GPIO_DRIVE_STRENGTH_2MA);
    gpio_set_dir(PICO_DEFAULT_LED_PIN, GPIO_OUT);
}

static void led_put(bool lit) {
    gpio_put(PICO_DEFAULT_LED_PIN, lit);
}

void pulse_blink(void) {
    gpio_xor_mask(1u << PICO_DEFAULT_LED_PIN);
}
#else
static void led_init(void) {}

static void led_put(bool lit) {
    (void)lit;
}

void pulse_blink(void) {}
#endif

static void beat(void) {
    timer_hw->intr = 1u << BEAT_ALARM;
    timer_hw->alarm[BEAT_ALARM] = timer_hw->timerawl + BEAT_US;
    if (beats_since_sign < PATIENCE_BEATS) {
        beats_since_sign++;
        watchdog_update();
    }
    each_beat();
}

void pulse_init(void (*on_beat)(void)) {
    each_beat = on_beat;
    led_init();
    watchdog_enable(WATCHDOG_MS, true);
    irq_set_exclusive_handler(BEAT_IRQ, beat);
    cycles_account_interrupt(BEAT_IRQ);
    hw_set_bits(&timer_hw->inte, 1u << BEAT_ALARM);
    irq_set_enabled(BEAT_IRQ, true);
    timer_hw->alarm[BEAT_ALARM] = timer_hw->timerawl + BEAT_US;
}

void pulse_working(void) {
    beats_since_sign = 0;
    led_put(false);
}

void pulse_waiting(bool host) {
    beats_since_sign = 0;
    if (host) {
        led_put(true);
    }
}
