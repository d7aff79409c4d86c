#include "streamed.h"

#include <string.h>

bool m0plus_streams(const engine_layer *layer) {
    const engine_layer_config *config = &layer->config;
    const bool square = config->kernel_columns == config->kernel && config->stride_columns == config->stride;
    const bool symmetric = config->padding_left == config->padding && config->padding_bottom == config->padding &&
                           config->padding_right == config->padding;
    return layer->memory.streamed && square && symmetric && config->out_channels % M0PLUS_GROUP == 0 &&
           config->kernel <= M0PLUS_MAX_KERNEL && config->padding < config->kernel &&
           config->in_height <= M0PLUS_MAX_SIDE && config->in_width <= M0PLUS_MAX_SIDE && config->stride <= UINT8_MAX &&
           layer->shape.unsigned_inputs && m0plus_padded_bytes(layer) <= UINT16_MAX &&
           m0plus_block_channels(layer, 2) > 0;
}

/* Whether a tap can lie on the input at `position` along a side: there is a window whose tap does. */
static inline bool lies_on(uint32_t position, uint32_t tap, uint32_t padding, uint32_t stride, uint32_t windows) {
    const uint32_t distance = position + padding - tap; /* wraps before the first window */
    return position + padding >= tap && distance % stride == 0 && distance / stride < windows;
}

/* Of maps whose pixels have a bit each; of others a tap is taken to lie on all of them. */
void m0plus_mark_taps(const engine_layer *layer, uint32_t *taps) {
    const engine_layer_config *config = &layer->config;
    const uint32_t width = config->in_width, pixels = config->in_height * width;
    for (uint32_t tap = 0; tap < m0plus_taps(layer); tap++) {
        const uint32_t ky = tap / config->kernel, kx = tap % config->kernel;
        taps[tap] = pixels > M0PLUS_MASK_PIXELS ? UINT32_MAX : 0;
        for (uint32_t pixel = 0; pixels <= M0PLUS_MASK_PIXELS && pixel < pixels; pixel++) {
            if (lies_on(pixel / width, ky, config->padding, config->stride, layer->shape.conv_height) &&
                lies_on(pixel % width, kx, config->padding, config->stride, layer->shape.conv_width)) {
                taps[tap] |= 1u << pixel;
            }
        }
    }
}

void m0plus_mark_occupied(const engine_layer *layer, uint32_t first, uint32_t count, uint32_t *occupied) {
    const uint32_t channels = layer->config.in_channels, pixels = layer->config.in_height * layer->config.in_width;
    const int8_t *in = layer->step.input + first;
    memset(occupied, pixels > M0PLUS_MASK_PIXELS ? 0xff : 0, count * sizeof *occupied);
    for (uint32_t pixel = 0; pixels <= M0PLUS_MASK_PIXELS && pixel < pixels; pixel++, in += channels) {
        for (uint32_t c = 0; c < count; c++) {
            if (in[c] != 0) {
                occupied[c] |= 1u << pixel;
            }
        }
    }
}
