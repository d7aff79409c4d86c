/* Convolutions in plain C: the reference. The same bodies are compiled twice: skipping zeros, and dense (the yardstick
 * of `priot bench`). Where faster ones stand in, these are not PRIOT_HOT: their loops fit into a cache of flash. */
#include "plain.h"
#include "window_deltas.h"

static inline void add_scaled(int32_t *restrict acc, const int8_t *restrict row, int32_t x, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        acc[i] += x * row[i];
    }
}

/* Scatters one input row into one accumulator row through kernel row ky. The column ox = (ix + padding - kx) / stride
 * is tracked without dividing at every input. */
static inline void scatter_row(const engine_layer *layer, const int8_t *in, uint32_t ky, int32_t *acc) {
    const engine_layer_config *config = &layer->config;
    const uint32_t channels = config->in_channels, outputs = config->out_channels, stride = config->stride_columns;
    const uint32_t conv_width = layer->shape.conv_width;
    uint32_t column = config->padding_left / stride,
             first_kx = config->padding_left % stride; /* ix + padding = column * stride + first_kx */
    const int8_t *kernel_row = layer->memory.effective + ky * config->kernel_columns * channels * outputs;
    for (uint32_t ix = 0; ix < config->in_width; ix++) {
        for (uint32_t c = 0; c < channels; c++) {
            const int32_t x = *in++;
            if (x == 0) {
                continue;
            }
            uint32_t ox = column;
            for (uint32_t kx = first_kx; kx < config->kernel_columns; kx += stride, ox--) {
                if (ox < conv_width) {
                    add_scaled(acc + ox * outputs, kernel_row + (kx * channels + c) * outputs, x, outputs);
                }
                if (ox == 0) {
                    break;
                }
            }
        }
        if (++first_kx == stride) {
            first_kx = 0;
            column++;
        }
    }
}

static void accumulate(const engine_layer *layer, uint32_t first, uint32_t end, int32_t *acc) {
    const engine_layer_config *config = &layer->config;
    const uint32_t conv_width = layer->shape.conv_width, acc_row = conv_width * config->out_channels;
    engine_begin_pixels(layer, (end - first) * conv_width, acc);
    for (uint32_t row = first; row < end; row++, acc += acc_row) {
        for (uint32_t ky = 0; ky < config->kernel; ky++) {
            const uint32_t iy = row * config->stride + ky - config->padding; /* wraps above the map */
            if (iy < config->in_height) {
                scatter_row(layer, layer->step.input + iy * config->in_width * config->in_channels, ky, acc);
            }
        }
    }
}

/* Output by output, every product of a window. */
static void accumulate_dense(const engine_layer *layer, uint32_t first, uint32_t end, int32_t *acc) {
    const engine_layer_config *config = &layer->config;
    const uint32_t outputs = config->out_channels, kernel_row = config->kernel_columns * config->in_channels;
    const uint32_t in_row = config->in_width * config->in_channels;
    engine_begin_pixels(layer, (end - first) * layer->shape.conv_width, acc);
    for (uint32_t oy = first; oy < end; oy++) {
        for (uint32_t ox = 0; ox < layer->shape.conv_width; ox++, acc += outputs) {
            const engine_window window = engine_window_at(config, oy, ox);
            for (uint32_t o = 0; o < outputs; o++) {
                int32_t sum = 0;
                const int8_t *in_begin = layer->step.input + window.in;
                for (uint32_t ky = window.rows.first; ky < window.rows.last; ky++, in_begin += in_row) {
                    const int8_t *in = in_begin;
                    const int8_t *weight = layer->memory.effective + (ky * kernel_row + window.begin) * outputs + o;
                    for (const int8_t *last = in + window.end - window.begin; in < last; in++, weight += outputs) {
                        sum += *in * *weight;
                    }
                }
                acc[o] += sum;
            }
        }
    }
}

static void errors(const engine_layer *layer, int32_t *error, int8_t *channel_weights) {
    engine_scatter_errors(layer, error, channel_weights, false, add_scaled);
}

static void errors_dense(const engine_layer *layer, int32_t *error, int8_t *channel_weights) {
    engine_scatter_errors(layer, error, channel_weights, true, add_scaled);
}

static void gradients(engine_layer *layer, uint32_t first, uint32_t end, const engine_gradient_sink *sink) {
    engine_gather_gradients(layer, first, end, sink, false, add_scaled);
}

static void gradients_dense(engine_layer *layer, uint32_t first, uint32_t end, const engine_gradient_sink *sink) {
    engine_gather_gradients(layer, first, end, sink, true, add_scaled);
}

const engine_window_kernels engine_plain_convolution = {
    .accumulate = accumulate, .errors = errors, .gradients = gradients};

const engine_window_kernels engine_dense_convolution = {
    .accumulate = accumulate_dense, .errors = errors_dense, .gradients = gradients_dense};
