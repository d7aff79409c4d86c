#include "console.h"

#include "hardware/gpio.h"
#include "hardware/uart.h"

#define CONSOLE_UART uart0
#define CONSOLE_BAUD 115200u
#define CONSOLE_TX_GPIO 0u
#define CONSOLE_RX_GPIO 1u

void console_init(void) {
    uart_init(CONSOLE_UART, CONSOLE_BAUD);
    gpio_set_function(CONSOLE_TX_GPIO, GPIO_FUNC_UART);
    gpio_set_function(CONSOLE_RX_GPIO, GPIO_FUNC_UART);
}

void console_text(const char *text) {
    for (; *text != '\0'; text++) {
        uart_putc_raw(CONSOLE_UART, *text);
    }
}

void console_hex(uint32_t value) {
    for (int shift = 28; shift >= 0; shift -= 4) {
        uart_putc_raw(CONSOLE_UART, "0123456789abcdef"[(value >> shift) & 15u]);
    }
}

void console_decimal(uint32_t value) {
    char digits[11];
    char *first = digits + sizeof digits - 1;
    *first = '\0';
    do {
        *--first = (char)('0' + value % 10u);
        value /= 10u;
    } while (value != 0);
    console_text(first);
}

void console_end_line(void) {
    console_text("\r\n");
}
