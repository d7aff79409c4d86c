/* Cortex-M0+ errors: only for the positive inputs, from lists of non-zero deltas. */
#include "../../arithmetic.h"
#include "layer_memory.h"
#include "m0plus.h"

#include <string.h>

/* The delta of the layer below from its error; `half`: rounding_half(shift). */
static inline int8_t requantise(int32_t error, int32_t half, uint32_t shift) {
    return clamp_int8((error + half) >> shift);
}

bool PRIOT_HOT m0plus_linear_below(const engine_layer *layer, const engine_sparse_delta *deltas, uint32_t count,
                                   int8_t *below) {
    const layer_memory *memory = layer->kernel_memory;
    if (memory == NULL || !layer->below_has_relu) {
        return false;
    }
    const uint32_t outputs = layer->config.out_channels, shift = layer->error_shift;
    const int32_t half = rounding_half(shift);
    memset(below, 0, layer->in_count);
    const sparse_element *element = memory->inputs;
    for (uint32_t left = memory->input_count, taken; left > 0; left -= taken, element += taken) {
        taken = left < 4 ? left : 4;
        const int8_t *rows[4];
        int32_t errors[4];
        for (uint32_t i = 0; i < 4; i++) {
            rows[i] = layer->effective + sparse_index(element[i < taken ? i : 0]) * outputs;
        }
        m0plus_dot4(deltas, deltas + count, rows, errors);
        for (uint32_t i = 0; i < taken; i++) {
            below[sparse_index(element[i])] = requantise(errors[i], half, shift);
        }
    }
    return true;
}

/* A convolution's deltas by pixel of its accumulator map, so that an input finds those of the outputs it took part in.
 */
static void PRIOT_HOT list_deltas(const engine_layer *layer, uint16_t *starts, uint32_t *list) {
    const uint32_t outputs = layer->config.out_channels, pixels = layer->conv_height * layer->conv_width;
    const bool pool = layer->config.pool;
    for (uint32_t i = 0; i <= pixels; i++) {
        starts[i] = 0;
    }
    /* Twice over the deltas: the first time counts each pixel's, the second puts them into place. */
    for (uint32_t pass = 0; pass < 2; pass++) {
        uint32_t index = 0;
        for (uint32_t y = 0; y < layer->out_height; y++) {
            for (uint32_t x = 0; x < layer->out_width; x++) {
                for (uint32_t o = 0; o < outputs; o++, index++) {
                    const int8_t delta = layer->delta[index];
                    if (delta == 0) {
                        continue;
                    }
                    uint32_t pixel = y * layer->conv_width + x;
                    if (pool) {
                        const uint32_t position = layer->positions[index];
                        pixel = (2 * y + (position >> 1)) * layer->conv_width + 2 * x + (position & 1);
                    }
                    if (pass == 0) {
                        starts[pixel]++;
                    } else {
                        list[--starts[pixel]] = sparse_pack(o, delta);
                    }
                }
            }
        }
        /* After the first pass each count becomes the end of its pixel's part; the second counts them down to starts.
         */
        for (uint32_t i = 0, sum = 0; pass == 0 && i <= pixels; i++) {
            sum += starts[i];
            starts[i] = (uint16_t)sum;
        }
    }
}

/* As linear_below, for a convolution of stride 1: for each positive input the deltas that its window of outputs holds.
 */
void PRIOT_HOT m0plus_convolution_below(const engine_layer *layer, int32_t *error, int8_t *channel_weights,
                                        int8_t *below) {
    if (layer->kernel_memory == NULL || !m0plus_gathers_errors(layer)) {
        engine_kernels_plain.convolution_error(layer, error, channel_weights);
        engine_requantise_errors(layer, error, below);
        return;
    }
    const layer_memory *memory = layer->kernel_memory;
    const engine_layer_config *config = &layer->config;
    const uint32_t channels = config->in_channels, kernel = config->kernel;
    uint32_t *const list = layer->kernel_scratch;
    uint16_t *const starts = (uint16_t *)(list + layer->out_count);
    engine_sparse_delta *const window = (engine_sparse_delta *)error; /* {offset of a channel's weights, delta} */
    list_deltas(layer, starts, list);
    memset(below, 0, layer->in_count);
    uint32_t pixel = 0;
    for (uint32_t iy = 0; iy < config->in_height; iy++) {
        for (uint32_t ix = 0; ix < config->in_width; ix++, pixel++) {
            const sparse_element *element = memory->inputs + memory->starts[pixel];
            const sparse_element *const end = memory->inputs + memory->starts[pixel + 1];
            if (element == end) {
                continue;
            }
            engine_sparse_delta *next = window;
            for (uint32_t ky = 0; ky < kernel; ky++) {
                const uint32_t oy = iy + config->padding - ky;
                if (oy >= layer->conv_height) {
                    continue;
                }
                /* kernel column kx of output column ix + padding - kx: columns go up as kx goes down */
                const int32_t rightmost = (int32_t)(ix + config->padding), leftmost = rightmost - (int32_t)kernel + 1;
                const uint32_t first = (uint32_t)(leftmost < 0 ? 0 : leftmost);
                for (uint32_t ox = first; ox <= (uint32_t)rightmost && ox < layer->conv_width; ox++) {
                    const uint32_t tap = ky * kernel + (uint32_t)rightmost - ox;
                    const uint16_t *start = starts + oy * layer->conv_width + ox;
                    for (uint32_t d = start[0]; d < start[1]; d++) {
                        *next++ =
                            (engine_sparse_delta){.output = (sparse_index(list[d]) * kernel * kernel + tap) * channels,
                                                  .delta = sparse_value(list[d])};
                    }
                }
            }
            for (; element < end; element++) {
                const uint32_t input = sparse_index(*element);
                const int8_t *weights = memory->by_channel + (input - pixel * channels);
                int32_t sum = 0;
                for (const engine_sparse_delta *delta = window; delta < next; delta++) {
                    sum += delta->delta * weights[delta->output];
                }
                below[input] = clamp_int8(round_shift(sum, layer->error_shift));
            }
        }
    }
}
