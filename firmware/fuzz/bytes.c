/* Any bytes on the wire. */
#include "check.h"
#include "device.h"
#include "input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    fuzz_input input = {data, data + size};
    const size_t piece = 1 + (size_t)input_byte(&input) * 17;
    device_boot(&(device_options){.arena_bytes = 16384, .flash_bytes = 8192, .cycle_stride = 0x12345u});
    while (input_left(&input)) {
        size_t length;
        const uint8_t *bytes = input_bytes(&input, piece, &length);
        device_receive(bytes, length);
    }
    device_check_alive();
    device_shut_down();
    return 0;
}
