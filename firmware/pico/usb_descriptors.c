/* What the board says it is: one CDC function, vendor Raspberry Pi, product "priot". */
#include "usb_descriptors.h"

#include <string.h>

#include "tusb.h"

#define VENDOR_ID 0x2e8a  /* Raspberry Pi */
#define PRODUCT_ID 0x000a /* a Pico with a CDC UART */
#define RELEASE 0x0100
#define MAX_POWER_MA 100
#define STRING_MAX 32u

enum { INTERFACE_CDC = 0, INTERFACE_CDC_DATA, INTERFACE_COUNT };
enum { STRING_LANGUAGE = 0, STRING_MANUFACTURER, STRING_PRODUCT, STRING_SERIAL, STRING_CDC };

#define ENDPOINT_NOTIFY 0x81
#define ENDPOINT_IN 0x82
#define NOTIFY_BYTES 8
#define BULK_BYTES 64
#define CONFIGURATION_BYTES (TUD_CONFIG_DESC_LEN + TUD_CDC_DESC_LEN)

static const tusb_desc_device_t device = {
    .bLength = sizeof(tusb_desc_device_t),
    .bDescriptorType = TUSB_DESC_DEVICE,
    .bcdUSB = 0x0200,
    /* interface association: the function is named by the interfaces */
    .bDeviceClass = TUSB_CLASS_MISC,
    .bDeviceSubClass = MISC_SUBCLASS_COMMON,
    .bDeviceProtocol = MISC_PROTOCOL_IAD,
    .bMaxPacketSize0 = CFG_TUD_ENDPOINT0_SIZE,
    .idVendor = VENDOR_ID,
    .idProduct = PRODUCT_ID,
    .bcdDevice = RELEASE,
    .iManufacturer = STRING_MANUFACTURER,
    .iProduct = STRING_PRODUCT,
    .iSerialNumber = STRING_SERIAL,
    .bNumConfigurations = 1,
};

static const uint8_t configuration[CONFIGURATION_BYTES] = {
    TUD_CONFIG_DESCRIPTOR(1, INTERFACE_COUNT, 0, CONFIGURATION_BYTES, 0, MAX_POWER_MA),
    TUD_CDC_DESCRIPTOR(INTERFACE_CDC, STRING_CDC, ENDPOINT_NOTIFY, NOTIFY_BYTES, ENDPOINT_OUT, ENDPOINT_IN, BULK_BYTES),
};

static const char *serial_number = "";

void usb_descriptors_set_serial(const char *serial) {
    serial_number = serial;
}

const uint8_t *tud_descriptor_device_cb(void) {
    return (const uint8_t *)&device;
}

const uint8_t *tud_descriptor_configuration_cb(uint8_t index) {
    (void)index;
    return configuration;
}

static const char *string_of(uint8_t index) {
    switch (index) {
    case STRING_MANUFACTURER:
        return "priot project";
    case STRING_PRODUCT:
    case STRING_CDC:
        return "priot";
    case STRING_SERIAL:
        return serial_number;
    default:
        return NULL;
    }
}

/* UTF-16, behind a header of length and type. */
const uint16_t *tud_descriptor_string_cb(uint8_t index, uint16_t language) {
    static uint16_t descriptor[1 + STRING_MAX];
    (void)language;
    size_t count = 1;
    if (index == STRING_LANGUAGE) {
        descriptor[1] = 0x0409; /* English */
    } else {
        const char *text = string_of(index);
        if (text == NULL) {
            return NULL;
        }
        count = strnlen(text, STRING_MAX);
        for (size_t i = 0; i < count; i++) {
            descriptor[1 + i] = (uint8_t)text[i];
        }
    }
    descriptor[0] = (uint16_t)(TUSB_DESC_STRING << 8 | (2u * count + 2u));
    return descriptor;
}
