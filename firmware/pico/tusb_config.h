/* This file configures TinyUSB: one CDC function at full speed. CFG_TUSB_MCU and CFG_TUSB_OS come from the SDK's
 * build. */
#ifndef PRIOT_TUSB_CONFIG_H
#define PRIOT_TUSB_CONFIG_H

#define CFG_TUSB_RHPORT0_MODE OPT_MODE_DEVICE
#define CFG_TUD_ENABLED 1
#define CFG_TUD_ENDPOINT0_SIZE 64
#define CFG_TUD_CDC 1
#define CFG_TUD_CDC_EP_BUFSIZE 64  /* larger transfers arrive swapped in rp2040js, and gain nothing */
#define CFG_TUD_CDC_RX_BUFSIZE 4   /* unused, and less than a packet: usb_link.c receives */
#define CFG_TUD_CDC_TX_BUFSIZE 256 /* a step's result without waiting; what is longer waits for the host */

#endif
