#ifndef PRIOT_USB_DESCRIPTORS_H
#define PRIOT_USB_DESCRIPTORS_H

#define ENDPOINT_OUT 0x02 /* bulk, of the serial stream: 64 bytes per packet */

/* Sets the board's id: 16 hexadecimal digits, kept by reference. */
void usb_descriptors_set_serial(const char *serial);

#endif
