/* The console writes text lines for people, on UART0 (GPIO 0 and 1, 115200 baud). Nothing of the protocol goes here. */
#ifndef PRIOT_CONSOLE_H
#define PRIOT_CONSOLE_H

#include <stdint.h>

void console_init(void);

/* Blocks while the UART's FIFO is full. */
void console_text(const char *text);
void console_hex(uint32_t value);
void console_decimal(uint32_t value);
void console_end_line(void);

#endif
