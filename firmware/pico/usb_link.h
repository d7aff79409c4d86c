/* The link is one USB CDC function as a byte stream. Receiving goes on in interrupts while the main program
 * computes; nothing is ever dropped: when the buffer is full the host is held off (NAK) until there is room. */
#ifndef PRIOT_USB_LINK_H
#define PRIOT_USB_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define USB_LINK_RECEIVE_BYTES 2048u /* two images of 28 by 28 wait here while one is trained on */

/* Goes onto the bus. `serial`: 16 hexadecimal digits. Interrupts of the link are accounted (cycles.h). */
void usb_link_init(const char *serial);

/* Returns the received bytes that lie in one piece, 0 when there are none; they stay until released. */
size_t usb_link_received(const uint8_t **bytes);
void usb_link_release(size_t count);

/* Tells whether somebody has the port open. */
bool usb_link_connected(void);

/* Tells whether the host has set the speed that asks for the boot ROM, 1200 bits per second. */
bool usb_link_bootsel_wanted(void);

/* Sleeps until bytes are there, or something else happened. */
void usb_link_wait(void);

/* Blocks until TinyUSB has taken the bytes; gives up, dropping them, when nobody has the port open. */
void usb_link_send(const uint8_t *bytes, size_t length);

/* Lets the last bytes go out, as far as the host takes them within 100 ms, and leaves the bus. */
void usb_link_leave(void);

/* Return cycles since boot, without interrupts: asleep in usb_link_wait, and spent in usb_link_send. */
uint32_t usb_link_idle_cycles(void);
uint32_t usb_link_send_cycles(void);

#endif
