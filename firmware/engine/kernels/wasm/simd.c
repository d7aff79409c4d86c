/* Kernels with 128-bit WebAssembly SIMD, for the simulator: the plain ones eight outputs at a time. Their loops over
 * inputs and deltas stay: skipping zeros saves more than wider arithmetic on them would. */
#include "../../arithmetic.h"
#include "../kernels.h"

#include <string.h>
#include <wasm_simd128.h>

#define LANES 8u /* int8 values widened at a time */

static inline void add_product(int32_t *acc, v128_t product) {
    wasm_v128_store(acc, wasm_i32x4_add(wasm_v128_load(acc), product));
}

static inline void add_scaled(int32_t *restrict acc, const int8_t *restrict row, int32_t x, uint32_t count) {
    const v128_t factor = wasm_i16x8_splat((int16_t)x);
    uint32_t i = 0;
    for (; i + LANES <= count; i += LANES) {
        const v128_t values = wasm_i16x8_load8x8(row + i);
        add_product(acc + i, wasm_i32x4_extmul_low_i16x8(values, factor));
        add_product(acc + i + LANES / 2, wasm_i32x4_extmul_high_i16x8(values, factor));
    }
    for (; i < count; i++) {
        acc[i] += x * row[i];
    }
}

static void add_scaled_row(int32_t *restrict acc, const int8_t *restrict row, int32_t x, uint32_t count) {
    add_scaled(acc, row, x, count);
}

static inline uint64_t load_word(const int8_t *bytes) {
    uint64_t word;
    __builtin_memcpy(&word, bytes, sizeof word); /* one load: a call of memcpy is none here */
    return word;
}

/* Takes the lowest non-zero byte out of a word that is not 0; its position. */
static inline uint32_t take_byte(uint64_t *word) {
    const uint32_t byte = (uint32_t)__builtin_ctzll(*word) / 8;
    *word &= ~(UINT64_C(0xff) << (8 * byte));
    return byte;
}

/* One input's part in one accumulator row. `taps`: the weights of kernel row ky for its channel. `outputs` and
 * `channels` are passed so that they can be constants. */
static inline void scatter_input(const engine_layer *layer, uint32_t ix, int32_t x, const int8_t *taps, int32_t *acc,
                                 uint32_t outputs, uint32_t channels) {
    const engine_layer_config *config = &layer->config;
    const uint32_t kernel = config->kernel, stride = config->stride;
    uint32_t column = ix + config->padding, kx = 0; /* ix + padding = column * stride + kx */
    if (stride > 1) {
        kx = column % stride;
        column /= stride;
    }
    for (; kx < kernel; kx += stride, column--) {
        if (column < layer->conv_width) {
            add_scaled(acc + column * outputs, taps + kx * channels * outputs, x, outputs);
        }
        if (column == 0) {
            break;
        }
    }
}

static inline void scatter_row(const engine_layer *layer, const int8_t *in, uint32_t ky, int32_t *acc, uint32_t outputs,
                               uint32_t channels) {
    const uint32_t width = layer->config.in_width;
    const int8_t *kernel_row = layer->effective + ky * layer->config.kernel * channels * outputs;
    if (channels == 1) {
        uint32_t ix = 0;
        for (; ix + LANES <= width; ix += LANES) {
            for (uint64_t word = load_word(in + ix); word != 0;) {
                const uint32_t byte = take_byte(&word);
                scatter_input(layer, ix + byte, in[ix + byte], kernel_row, acc, outputs, 1);
            }
        }
        for (; ix < width; ix++) {
            if (in[ix] != 0) {
                scatter_input(layer, ix, in[ix], kernel_row, acc, outputs, 1);
            }
        }
        return;
    }
    for (uint32_t ix = 0; ix < width; ix++, in += channels) {
        uint32_t c = 0;
        for (; c + LANES <= channels; c += LANES) {
            for (uint64_t word = load_word(in + c); word != 0;) {
                const uint32_t channel = c + take_byte(&word);
                scatter_input(layer, ix, in[channel], kernel_row + channel * outputs, acc, outputs, channels);
            }
        }
        for (; c < channels; c++) {
            if (in[c] != 0) {
                scatter_input(layer, ix, in[c], kernel_row + c * outputs, acc, outputs, channels);
            }
        }
    }
}

static inline void convolve(const engine_layer *layer, uint32_t first_row, uint32_t rows, int32_t *acc,
                            uint32_t outputs, uint32_t channels) {
    const engine_layer_config *config = &layer->config;
    const uint32_t acc_row = layer->conv_width * outputs;
    memset(acc, 0, rows * acc_row * sizeof *acc);
    for (uint32_t row = 0; row < rows; row++, acc += acc_row) {
        for (uint32_t ky = 0; ky < config->kernel; ky++) {
            const uint32_t padded = (first_row + row) * config->stride + ky;
            if (padded >= config->padding && padded - config->padding < config->in_height) {
                const uint32_t iy = padded - config->padding;
                scatter_row(layer, layer->input + iy * config->in_width * channels, ky, acc, outputs, channels);
            }
        }
    }
}

/* The widths of tiny-cnn as constants: the compiler then unrolls the innermost loops. */
static void convolution(const engine_layer *layer, uint32_t first_row, uint32_t rows, int32_t *acc) {
    const uint32_t channels = layer->config.in_channels, outputs = layer->config.out_channels;
    if (channels == 1 && outputs == 8) {
        convolve(layer, first_row, rows, acc, 8, 1);
    } else if (channels == 8 && outputs == 16) {
        convolve(layer, first_row, rows, acc, 16, 8);
    } else {
        convolve(layer, first_row, rows, acc, outputs, channels);
    }
}

/* C(R(max(acc, 0))) or C(R(acc)) of four accumulators. */
static inline v128_t requantise(v128_t acc, uint32_t shift, bool relu) {
    const int32_t half = shift == 0 ? 0 : (int32_t)(1u << (shift - 1));
    const v128_t positive = relu ? wasm_i32x4_max(acc, wasm_i32x4_splat(0)) : acc;
    const v128_t rounded = wasm_i32x4_shr(wasm_i32x4_add(positive, wasm_i32x4_splat(half)), shift);
    return wasm_i32x4_max(wasm_i32x4_min(rounded, wasm_i32x4_splat(INT8_LIMIT)), wasm_i32x4_splat(-INT8_LIMIT));
}

/* Eight int32 of the int8 range as eight bytes. */
static inline void store_bytes(void *to, v128_t low, v128_t high) {
    const v128_t words = wasm_i16x8_narrow_i32x4(low, high);
    wasm_v128_store64_lane(to, wasm_i8x16_narrow_i16x8(words, words), 0);
}

/* The maximum of a pool window for four outputs, and its position: the first of equal ones. */
static inline v128_t pool(const int32_t *acc, uint32_t outputs, uint32_t below, v128_t *position) {
    v128_t best = wasm_v128_load(acc), at = wasm_i32x4_splat(0);
    const int32_t *const others[] = {acc + outputs, acc + below, acc + below + outputs};
    for (int32_t i = 0; i < 3; i++) {
        const v128_t other = wasm_v128_load(others[i]), greater = wasm_i32x4_gt(other, best);
        best = wasm_v128_bitselect(other, best, greater);
        at = wasm_v128_bitselect(wasm_i32x4_splat(i + 1), at, greater);
    }
    *position = at;
    return best;
}

static inline int8_t requantise_one(int32_t acc, uint32_t shift, bool relu) {
    return relu && acc <= 0 ? 0 : clamp_int8(round_shift(acc, shift));
}

static inline int8_t pool_one(const int32_t *acc, uint32_t outputs, uint32_t below, uint32_t shift, bool relu,
                              uint8_t *position) {
    const int32_t window[] = {acc[0], acc[outputs], acc[below], acc[below + outputs]};
    uint8_t best = 0;
    for (uint8_t i = 1; i < 4; i++) {
        best = window[i] > window[best] ? i : best;
    }
    *position = best;
    return requantise_one(window[best], shift, relu);
}

static void requantise_map(const engine_layer *layer, const int32_t *acc, int8_t *out, uint32_t count) {
    const uint32_t shift = layer->activation_shift;
    const bool relu = layer->config.relu;
    uint32_t i = 0;
    for (; i + LANES <= count; i += LANES) {
        store_bytes(out + i, requantise(wasm_v128_load(acc + i), shift, relu),
                    requantise(wasm_v128_load(acc + i + LANES / 2), shift, relu));
    }
    for (; i < count; i++) {
        out[i] = requantise_one(acc[i], shift, relu);
    }
}

static void requantise_row(const engine_layer *layer, const int32_t *acc, uint32_t out_row) {
    const uint32_t outputs = layer->config.out_channels, shift = layer->activation_shift;
    const uint32_t count = layer->out_width * outputs, below = layer->conv_width * outputs;
    const bool relu = layer->config.relu;
    int8_t *out = layer->output + out_row * count;
    if (!layer->config.pool) {
        requantise_map(layer, acc, out, count);
        return;
    }
    uint8_t *positions = layer->positions + out_row * count;
    for (uint32_t x = 0; x < layer->out_width; x++, acc += 2 * outputs, out += outputs, positions += outputs) {
        uint32_t o = 0;
        for (; o + LANES <= outputs; o += LANES) {
            v128_t low_position, high_position;
            const v128_t low = pool(acc + o, outputs, below, &low_position);
            const v128_t high = pool(acc + o + LANES / 2, outputs, below, &high_position);
            store_bytes(out + o, requantise(low, shift, relu), requantise(high, shift, relu));
            store_bytes(positions + o, low_position, high_position);
        }
        for (; o < outputs; o++) {
            out[o] = pool_one(acc + o, outputs, below, shift, relu, positions + o);
        }
    }
}

static int32_t sparse_dot(const int8_t *row, const engine_sparse_delta *deltas, uint32_t count) {
    int32_t sum = 0;
    for (const engine_sparse_delta *end = deltas + count; deltas < end; deltas++) {
        sum += deltas->delta * row[deltas->output];
    }
    return sum;
}

/* Where the window of a delta meets the map: kernel rows [first_ky, last_ky), of each `length` values from `skipped`
 * on; `in` is the map's element under the first of them. */
typedef struct {
    uint32_t first_ky, last_ky, skipped, length, in;
} overlap;

static inline overlap overlap_of(const engine_layer *layer, uint32_t y, uint32_t x, uint32_t index) {
    const engine_layer_config *config = &layer->config;
    uint32_t oy = y, ox = x;
    if (config->pool) {
        const uint32_t position = layer->positions[index];
        oy = 2 * y + (position >> 1);
        ox = 2 * x + (position & 1);
    }
    const uint32_t top = oy * config->stride, left = ox * config->stride; /* of the padded map */
    const uint32_t first_ky = top < config->padding ? config->padding - top : 0;
    const uint32_t first_kx = left < config->padding ? config->padding - left : 0;
    const uint32_t rows = config->in_height + config->padding - top;
    const uint32_t columns = config->in_width + config->padding - left;
    const uint32_t last_ky = config->kernel < rows ? config->kernel : rows;
    const uint32_t last_kx = config->kernel < columns ? config->kernel : columns;
    return (overlap){
        .first_ky = first_ky,
        .last_ky = last_ky,
        .skipped = first_kx * config->in_channels,
        .length = (last_kx - first_kx) * config->in_channels,
        .in = ((top + first_ky - config->padding) * config->in_width + left + first_kx - config->padding) *
              config->in_channels,
    };
}

static void convolution_error(const engine_layer *layer, int32_t *error, int8_t *channel_weights) {
    const engine_layer_config *config = &layer->config;
    const uint32_t outputs = config->out_channels, kernel_row = config->kernel * config->in_channels;
    const uint32_t in_row = config->in_width * config->in_channels;
    memset(error, 0, layer->in_count * sizeof *error);
    for (uint32_t o = 0; o < outputs; o++) {
        for (uint32_t i = 0; i < layer->fan_in; i++) {
            channel_weights[i] = layer->effective[i * outputs + o];
        }
        uint32_t index = o;
        for (uint32_t y = 0; y < layer->out_height; y++) {
            for (uint32_t x = 0; x < layer->out_width; x++, index += outputs) {
                const int32_t delta = layer->delta[index];
                if (delta == 0) {
                    continue;
                }
                const overlap at = overlap_of(layer, y, x, index);
                int32_t *under = error + at.in;
                for (uint32_t ky = at.first_ky; ky < at.last_ky; ky++, under += in_row) {
                    add_scaled(under, channel_weights + ky * kernel_row + at.skipped, delta, at.length);
                }
            }
        }
    }
}

static void convolution_gradient(const engine_layer *layer, uint32_t channel, int32_t *gradient) {
    const engine_layer_config *config = &layer->config;
    const uint32_t outputs = config->out_channels, kernel_row = config->kernel * config->in_channels;
    const uint32_t in_row = config->in_width * config->in_channels;
    memset(gradient, 0, layer->fan_in * sizeof *gradient);
    uint32_t index = channel;
    for (uint32_t y = 0; y < layer->out_height; y++) {
        for (uint32_t x = 0; x < layer->out_width; x++, index += outputs) {
            const int32_t delta = layer->delta[index];
            if (delta == 0) {
                continue;
            }
            const overlap at = overlap_of(layer, y, x, index);
            const int8_t *under = layer->input + at.in;
            for (uint32_t ky = at.first_ky; ky < at.last_ky; ky++, under += in_row) {
                add_scaled(gradient + ky * kernel_row + at.skipped, under, delta, at.length);
            }
        }
    }
}

const engine_kernel_table engine_kernels_simd = {
    .convolution = convolution,
    .add_scaled_row = add_scaled_row,
    .requantise_row = requantise_row,
    .sparse_dot = sparse_dot,
    .convolution_error = convolution_error,
    .convolution_gradient = convolution_gradient,
    .update_scores = engine_update_scores,
};
