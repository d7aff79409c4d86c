/* Convolutions whose rows of weights are in flash, in plain C: the reference, and the least memory. A row, of one tap
 * and one input channel, is read and masked each time it is needed, into the layer's scratch. */
#include "plain.h"
#include "window.h"

#include "../arithmetic.h"
#include "../deltas.h"

/* Adds what a kernel row's weights make of an input row to an accumulator row. */
static void accumulate_row(const engine_layer *layer, const engine_streamed_rows *rows, uint32_t ky, const int8_t *in,
                           int32_t *acc) {
    const engine_layer_config *config = &layer->config;
    const uint32_t channels = config->in_channels, outputs = config->out_channels;
    for (uint32_t kx = 0; kx < config->kernel_columns; kx++) {
        for (uint32_t c = 0; c < channels; c++) {
            rows->read(layer, (ky * config->kernel_columns + kx) * channels + c, rows->frozen, layer->memory.row);
            for (uint32_t ox = 0; ox < layer->shape.conv_width; ox++) {
                const uint32_t ix = ox * config->stride_columns + kx - config->padding_left; /* wraps left of the map */
                const int32_t x = ix < config->in_width ? in[ix * channels + c] : 0;
                if (x != 0) {
                    layer->kernels->add_scaled_row(acc + ox * outputs, layer->memory.row, x, outputs);
                }
            }
        }
    }
}

static void accumulate(const engine_layer *layer, const engine_streamed_rows *rows, uint32_t row, int32_t *acc) {
    const engine_layer_config *config = &layer->config;
    engine_begin_pixels(layer, layer->shape.conv_width, acc);
    for (uint32_t ky = 0; ky < config->kernel; ky++) {
        const uint32_t iy = row * config->stride + ky - config->padding; /* wraps above the map */
        if (iy < config->in_height) {
            accumulate_row(layer, rows, ky, layer->step.input + iy * config->in_width * config->in_channels, acc);
        }
    }
}

static void forward(const engine_layer *layer, const engine_streamed_rows *rows, int32_t *acc) {
    const uint32_t side = layer->config.pool ? 2 : 1, pitch = layer->shape.conv_width * layer->config.out_channels;
    for (uint32_t row = 0; row < layer->shape.out_height; row++) {
        for (uint32_t i = 0; i < side; i++) {
            accumulate(layer, rows, row * side + i, acc + i * pitch);
        }
        layer->kernels->requantise(layer, row, row + 1, acc);
    }
}

/* The output that the tap at a distance before an input belongs to; false: none. */
static inline bool find_output(uint32_t distance, uint32_t stride, uint32_t outputs, uint32_t *output) {
    *output = distance / stride;
    return distance % stride == 0 && *output < outputs;
}

/* The sum of the products of a row of weights and the deltas at accumulator (oy, ox). */
static int32_t dot(const engine_layer *layer, const int8_t *row, uint32_t oy, uint32_t ox) {
    const uint32_t outputs = layer->config.out_channels, side = layer->config.pool ? 2 : 1;
    const uint32_t y = oy / side, x = ox / side, position = oy % side * 2 + ox % side;
    int32_t sum = 0;
    if (y >= layer->shape.out_height || x >= layer->shape.out_width) {
        return 0; /* a row or column that the pool drops */
    }
    const uint32_t first = (y * layer->shape.out_width + x) * outputs;
    for (uint32_t o = 0; o < outputs; o++) {
        if (layer->memory.delta[first + o] != 0 &&
            (!layer->config.pool || layer->memory.positions[first + o] == position)) {
            sum += layer->memory.delta[first + o] * row[o];
        }
    }
    return sum;
}

/* The error of the input at (iy, ix, c). */
static int32_t error_at(const engine_layer *layer, const engine_streamed_rows *rows, uint32_t iy, uint32_t ix,
                        uint32_t c) {
    const engine_layer_config *config = &layer->config;
    int32_t sum = 0;
    for (uint32_t ky = 0; ky < config->kernel; ky++) {
        uint32_t oy, ox;
        if (iy + config->padding < ky ||
            !find_output(iy + config->padding - ky, config->stride, layer->shape.conv_height, &oy)) {
            continue;
        }
        for (uint32_t kx = 0; kx < config->kernel_columns; kx++) {
            if (ix + config->padding_left >= kx &&
                find_output(ix + config->padding_left - kx, config->stride_columns, layer->shape.conv_width, &ox)) {
                rows->read(layer, (ky * config->kernel_columns + kx) * config->in_channels + c, false,
                           layer->memory.row);
                sum += dot(layer, layer->memory.row, oy, ox);
            }
        }
    }
    return sum;
}

static void below(const engine_layer *layer, const engine_streamed_rows *rows, int8_t *below_deltas) {
    const engine_layer_config *config = &layer->config;
    uint32_t i = 0;
    for (uint32_t iy = 0; iy < config->in_height; iy++) {
        for (uint32_t ix = 0; ix < config->in_width; ix++) {
            for (uint32_t c = 0; c < config->in_channels; c++, i++) {
                below_deltas[i] =
                    engine_has_error(layer, i)
                        ? clamp_int8(round_shift(error_at(layer, rows, iy, ix, c), layer->step.error_shift))
                        : 0;
            }
        }
    }
}

/* The gradient of the edge of tap (ky, kx), input channel c and output channel o. */
static int32_t gradient_at(const engine_layer *layer, uint32_t ky, uint32_t kx, uint32_t c, uint32_t o) {
    const engine_layer_config *config = &layer->config;
    uint32_t index = o;
    int32_t sum = 0;
    for (uint32_t y = 0; y < layer->shape.out_height; y++) {
        for (uint32_t x = 0; x < layer->shape.out_width; x++, index += config->out_channels) {
            const int32_t delta = layer->memory.delta[index];
            uint32_t oy, ox;
            if (delta == 0) {
                continue;
            }
            engine_locate(layer, y, x, index, &oy, &ox);
            const uint32_t iy = oy * config->stride + ky - config->padding; /* wraps above the map */
            const uint32_t ix = ox * config->stride_columns + kx - config->padding_left;
            if (iy < config->in_height && ix < config->in_width) {
                sum += delta * layer->step.input[(iy * config->in_width + ix) * config->in_channels + c];
            }
        }
    }
    return sum;
}

static void update(const engine_layer *layer, const engine_scored_groups *groups) {
    const uint32_t channels = layer->config.in_channels, outputs = layer->config.out_channels;
    for (uint32_t row = 0; row < layer->shape.fan_in; row++) {
        const uint32_t tap = row / channels, c = row % channels;
        for (uint32_t entry = groups->starts[row]; entry < groups->starts[row + 1]; entry++) {
            const uint32_t o = groups->indices[entry];
            const int32_t gradient =
                gradient_at(layer, tap / layer->config.kernel_columns, tap % layer->config.kernel_columns, c, o);
            engine_update_streamed_score(groups, entry, gradient, row * outputs + o);
        }
    }
}

const engine_streamed_kernels engine_plain_streamed = {.forward = forward, .below = below, .update = update};
