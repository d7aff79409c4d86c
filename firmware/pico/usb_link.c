/* Who runs where:
 *   USB interrupt      TinyUSB's handler puts a packet into the ring and queues what happened; ours, after it, pends
 * the service interrupt service interrupt  lowest priority: TinyUSB's task, which calls our driver: the packet counts,
 * the next may come main program       takes bytes from the ring, and sends, with the service interrupt held off around
 * TinyUSB's calls, which are not reentrant
 *
 * The driver is TinyUSB's own CDC but for the OUT endpoint. There, a packet goes straight into the ring instead of
 * through two buffers and a queue with a lock: a third of what a packet costs. */
#include "usb_link.h"

#include "cycles.h"
#include "engine.h"
#include "hardware/irq.h"
#include "hardware/structs/nvic.h"
#include "hardware/sync.h"
#include "hardware/timer.h"
#include "pico/bootrom.h"
#include "pulse.h"
#include "tusb.h"
#include "usb_descriptors.h"

#include <string.h>

#include "class/cdc/cdc_device.h"
#include "device/usbd_pvt.h"

#define SERVICE_IRQ 31u /* no hardware is behind it */
#define BOOTSEL_BAUD 1200u
#define LEAVE_TIMEOUT_US 100000u
#define LEAVE_SETTLE_US 20000u
#define PACKET_BYTES 64u

_Static_assert((USB_LINK_RECEIVE_BYTES & (USB_LINK_RECEIVE_BYTES - 1u)) == 0, "positions wrap with the ring");

/* Positions count bytes since boot: `written` belongs to the service interrupt, `released` to the main program. */
static uint8_t ring[USB_LINK_RECEIVE_BYTES + PACKET_BYTES]; /* a packet may reach beyond the end; it is moved then */
static volatile uint32_t written, released;
static volatile bool held_off; /* the host has to wait for room */
static bool armed;             /* the endpoint may take a packet */
static volatile bool bootsel_wanted;
static uint32_t idle_cycles, send_cycles;

static void pend_service(void) {
    irq_set_pending(SERVICE_IRQ);
}

/* Lets the next packet come when there is room for a full one. */
static void arm(void) {
    bool room = USB_LINK_RECEIVE_BYTES - (written - released) >= PACKET_BYTES;
    held_off = !room;
    if (room && !armed) {
        armed = true;
        usbd_edpt_xfer(0, ENDPOINT_OUT, ring + written % USB_LINK_RECEIVE_BYTES, PACKET_BYTES);
    }
}

static void receive(uint32_t count) {
    uint32_t end = written % USB_LINK_RECEIVE_BYTES + count;
    if (end > USB_LINK_RECEIVE_BYTES) {
        memcpy(ring, ring + USB_LINK_RECEIVE_BYTES, end - USB_LINK_RECEIVE_BYTES);
    }
    written += count;
    armed = false;
    arm();
}

static void driver_init(void) {}

static bool driver_deinit(void) {
    return true;
}

static void driver_reset(uint8_t port) {
    (void)port;
    armed = false;
}

/* Opens the driver. With a receive buffer of less than a packet (tusb_config.h) TinyUSB's driver leaves the OUT
 * endpoint alone. */
static uint16_t driver_open(uint8_t port, const tusb_desc_interface_t *interface, uint16_t length) {
    uint16_t taken = cdcd_open(port, interface, length);
    if (taken != 0) {
        arm();
    }
    return taken;
}

static bool driver_transferred(uint8_t port, uint8_t endpoint, xfer_result_t result, uint32_t count) {
    if (endpoint != ENDPOINT_OUT) {
        return cdcd_xfer_cb(port, endpoint, result, count);
    }
    receive(result == XFER_RESULT_SUCCESS ? count : 0);
    return true;
}

/* TinyUSB asks for drivers of the application, which come before its own. Its own is initialised and reset as well. */
const usbd_class_driver_t *usbd_app_driver_get_cb(uint8_t *count) {
    static const usbd_class_driver_t driver = {
        .name = "priot",
        .init = driver_init,
        .deinit = driver_deinit,
        .reset = driver_reset,
        .open = driver_open,
        .control_xfer_cb = cdcd_control_xfer_cb,
        .xfer_cb = driver_transferred,
    };
    *count = 1;
    return &driver;
}

static void service(void) {
    tud_task();
    if (held_off) {
        arm();
    }
}

/* irq_set_enabled() would forget a pending service. */
static void hold_service(void) {
    nvic_hw->icer = 1u << SERVICE_IRQ;
    __dsb();
    __isb();
}

static void resume_service(void) {
    nvic_hw->iser = 1u << SERVICE_IRQ;
}

void usb_link_init(const char *serial) {
    usb_descriptors_set_serial(serial);
    irq_set_exclusive_handler(SERVICE_IRQ, service);
    irq_set_priority(SERVICE_IRQ, PICO_LOWEST_IRQ_PRIORITY);
    tusb_init();
    irq_add_shared_handler(USBCTRL_IRQ, pend_service, PICO_SHARED_IRQ_HANDLER_LOWEST_ORDER_PRIORITY);
    cycles_account_interrupt(USBCTRL_IRQ);
    cycles_account_interrupt(SERVICE_IRQ);
    irq_set_enabled(SERVICE_IRQ, true);
    cycles_calibrate_interrupt(SERVICE_IRQ);
}

size_t usb_link_received(const uint8_t **bytes) {
    uint32_t position = released % USB_LINK_RECEIVE_BYTES;
    uint32_t count = written - released;
    uint32_t piece = USB_LINK_RECEIVE_BYTES - position;
    *bytes = ring + position;
    return count < piece ? count : piece;
}

void usb_link_release(size_t count) {
    released += (uint32_t)count;
    if (held_off) {
        pend_service();
    }
}

static bool has_bytes(void) {
    return written != released;
}

bool usb_link_connected(void) {
    return tud_cdc_connected();
}

bool usb_link_bootsel_wanted(void) {
    return bootsel_wanted;
}

void usb_link_wait(void) {
    pulse_waiting(tud_cdc_connected());
    idle_cycles += cycles_sleep_unless(has_bytes);
}

static bool can_send(void) {
    return !tud_cdc_connected() || tud_cdc_write_available() != 0;
}

void usb_link_send(const uint8_t *bytes, size_t length) {
    uint32_t start = engine_cycles();
    while (length > 0 && tud_cdc_connected()) {
        hold_service();
        uint32_t count = tud_cdc_write(bytes, length);
        tud_cdc_write_flush();
        resume_service();
        bytes += count;
        length -= count;
        if (length > 0) {
            pulse_waiting(true);
            cycles_sleep_unless(can_send);
        }
    }
    send_cycles += engine_cycles() - start;
}

uint32_t usb_link_idle_cycles(void) {
    return idle_cycles;
}

uint32_t usb_link_send_cycles(void) {
    return send_cycles;
}

void usb_link_leave(void) {
    uint32_t start = time_us_32();
    while (tud_cdc_connected() && tud_cdc_write_available() < CFG_TUD_CDC_TX_BUFSIZE &&
           time_us_32() - start < LEAVE_TIMEOUT_US) {
        tight_loop_contents();
    }
    /* the last packet is TinyUSB's no more, but perhaps not the host's yet */
    busy_wait_us_32(LEAVE_SETTLE_US);
    hold_service();
    tud_disconnect();
    busy_wait_us_32(LEAVE_SETTLE_US);
}

/* TinyUSB calls these from its task. */
void tud_cdc_line_state_cb(uint8_t interface, bool dtr, bool rts) {
    (void)interface;
    (void)rts;
    if (dtr) {
        /* a new host: ends whatever part of a frame the last one left behind */
        tud_cdc_write_char('\0');
        tud_cdc_write_flush();
        return;
    }
    tud_cdc_write_clear();
    if (bootsel_wanted) {
        reset_usb_boot(0, 0);
    }
}

void tud_cdc_line_coding_cb(uint8_t interface, const cdc_line_coding_t *coding) {
    (void)interface;
    bootsel_wanted = coding->bit_rate == BOOTSEL_BAUD;
}
