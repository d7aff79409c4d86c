/* Depthwise convolutions in plain C: channel c of the output sees channel c of the input alone. Effective weights lie
 * tap by tap, all channels of a tap together, as a map's pixels do. */
#include "plain.h"
#include "window_deltas.h"

static void accumulate(const engine_layer *layer, uint32_t first, uint32_t end, int32_t *acc) {
    const engine_layer_config *config = &layer->config;
    const uint32_t channels = config->out_channels, kernel_row = config->kernel_columns * channels;
    const uint32_t in_row = config->in_width * channels;
    engine_begin_pixels(layer, (end - first) * layer->shape.conv_width, acc);
    for (uint32_t oy = first; oy < end; oy++) {
        for (uint32_t ox = 0; ox < layer->shape.conv_width; ox++, acc += channels) {
            const engine_window window = engine_window_at(config, oy, ox);
            const int8_t *in_begin = layer->step.input + window.in;
            for (uint32_t ky = window.rows.first; ky < window.rows.last; ky++, in_begin += in_row) {
                const int8_t *in = in_begin;
                const int8_t *weight = layer->memory.effective + ky * kernel_row + window.begin;
                for (uint32_t tap = window.begin; tap < window.end; tap += channels) {
                    for (uint32_t c = 0; c < channels; c++) {
                        acc[c] += *in++ * *weight++;
                    }
                }
            }
        }
    }
}

static void errors(const engine_layer *layer, int32_t *error, int8_t *channel_weights) {
    const engine_layer_config *config = &layer->config;
    const uint32_t channels = config->out_channels, kernel_row = config->kernel_columns * channels;
    const uint32_t in_row = config->in_width * channels;
    uint32_t index = 0;
    (void)channel_weights;
    memset(error, 0, layer->shape.in_count * sizeof *error);
    for (uint32_t y = 0; y < layer->shape.out_height; y++) {
        for (uint32_t x = 0; x < layer->shape.out_width; x++) {
            for (uint32_t c = 0; c < channels; c++, index++) {
                const int32_t delta = layer->memory.delta[index];
                if (delta == 0) {
                    continue;
                }
                uint32_t oy, ox;
                engine_locate(layer, y, x, index, &oy, &ox);
                const engine_window window = engine_window_at(config, oy, ox);
                int32_t *under = error + window.in + c;
                for (uint32_t ky = window.rows.first; ky < window.rows.last; ky++, under += in_row) {
                    const int8_t *weight = layer->memory.effective + ky * kernel_row + window.begin + c;
                    for (uint32_t tap = 0; tap < window.end - window.begin; tap += channels) {
                        under[tap] += delta * weight[tap];
                    }
                }
            }
        }
    }
}

static void gather_gradient(const engine_layer *layer, uint32_t channel, int32_t *gradient) {
    const engine_layer_config *config = &layer->config;
    const uint32_t channels = config->out_channels, in_row = config->in_width * channels;
    memset(gradient, 0, layer->shape.fan_in * sizeof *gradient);
    for (engine_delta_walk walk = engine_walk_deltas(channel); engine_next_delta(layer, &walk, false);) {
        const engine_window *window = &walk.window;
        const int8_t *under = layer->step.input + window->in + channel;
        const uint32_t columns = (window->end - window->begin) / channels;
        for (uint32_t ky = window->rows.first; ky < window->rows.last; ky++, under += in_row) {
            int32_t *tap = gradient + ky * config->kernel_columns + window->begin / channels;
            for (uint32_t kx = 0; kx < columns; kx++) {
                tap[kx] += walk.delta * under[kx * channels];
            }
        }
    }
}

static void gradients(engine_layer *layer, uint32_t first, uint32_t end, const engine_gradient_sink *sink) {
    int32_t *gradient = sink->gradient;
    for (uint32_t channel = first; channel < end; channel++, gradient += sink->pitch) {
        gather_gradient(layer, channel, gradient);
        if (sink->take != NULL) {
            sink->take(layer, channel, gradient);
        }
    }
}

const engine_window_kernels engine_plain_depthwise = {
    .accumulate = accumulate, .errors = errors, .gradients = gradients};
