/* Kernels with 128-bit WebAssembly SIMD, for the simulator. */
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

/* Convolutions multiply pairs of inputs: one instruction makes four sums of two products. All are dense: on this
 * machine a branch that is guessed wrong costs more than the products that it saves. What they read is prepared once an
 * image. */
typedef struct {
    int16_t *weights; /* [ky][pair][output][2]; a kernel row of odd length ends with a zero */
    int16_t *input;   /* HWC, with the padding around it */
} prepared_convolution;

#define OUTPUTS_AT_ONCE 4u /* of a vector of sums */

static bool is_prepared(const engine_layer *layer) {
    return layer->config.operation == ENGINE_CONV2D && layer->config.out_channels % OUTPUTS_AT_ONCE == 0;
}

static inline uint32_t row_pairs(const engine_layer *layer) {
    return (layer->config.kernel * layer->config.in_channels + 1) / 2;
}

static inline uint32_t padded_row(const engine_layer *layer) {
    return (layer->config.in_width + 2 * layer->config.padding) * layer->config.in_channels;
}

static uint32_t weights_count(const engine_layer *layer) {
    return layer->config.kernel * row_pairs(layer) * layer->config.out_channels * 2;
}

static uint32_t memory_bytes(const engine_layer *layer) {
    if (!is_prepared(layer)) {
        return 0;
    }
    const uint32_t rows = layer->config.in_height + 2 * layer->config.padding;
    const uint32_t input = rows * padded_row(layer) + 2; /* the last pair may reach one beyond */
    return (uint32_t)sizeof(prepared_convolution) + (weights_count(layer) + input) * (uint32_t)sizeof(int16_t);
}

static uint32_t scratch_bytes(const engine_layer *layer) {
    (void)layer;
    return 0;
}

static void prepare_weights(const engine_layer *layer, int16_t *weights) {
    const uint32_t outputs = layer->config.out_channels, row = layer->config.kernel * layer->config.in_channels;
    for (uint32_t ky = 0; ky < layer->config.kernel; ky++) {
        for (uint32_t pair = 0; pair < row_pairs(layer); pair++) {
            const int8_t *first = layer->effective + (ky * row + 2 * pair) * outputs;
            const bool whole = 2 * pair + 1 < row;
            for (uint32_t o = 0; o < outputs; o++) {
                *weights++ = first[o];
                *weights++ = whole ? first[outputs + o] : 0;
            }
        }
    }
}

/* The padding was zeroed with the arena, and nothing writes there. */
static void prepare_input(const engine_layer *layer, int16_t *input) {
    const engine_layer_config *config = &layer->config;
    const uint32_t count = config->in_width * config->in_channels;
    const int8_t *from = layer->input;
    for (uint32_t y = 0; y < config->in_height; y++, from += count) {
        int16_t *to = input + (y + config->padding) * padded_row(layer) + config->padding * config->in_channels;
        uint32_t i = 0;
        for (; i + LANES <= count; i += LANES) {
            wasm_v128_store(to + i, wasm_i16x8_load8x8(from + i));
        }
        for (; i < count; i++) {
            to[i] = from[i];
        }
    }
}

static void prepare(engine_layer *layer) {
    prepared_convolution *prepared = layer->kernel_memory;
    if (prepared == NULL || !is_prepared(layer)) {
        return;
    }
    prepared->weights = (int16_t *)(prepared + 1);
    prepared->input = prepared->weights + weights_count(layer);
    if (layer->changed_channels != 0) {
        prepare_weights(layer, prepared->weights);
        layer->changed_channels = 0;
    }
    prepare_input(layer, prepared->input);
}

/* Sums of `vectors` times four outputs, from `weights` on, for `pixels` neighbours. The numbers are constants where it
 * is called, so that all sums stay in registers. */
static inline void convolve_pixels(const int16_t *input, uint32_t in_row, uint32_t in_step, const int16_t *weights,
                                   uint32_t outputs, uint32_t kernel, uint32_t pairs, int32_t *acc, uint32_t pixels,
                                   uint32_t vectors) {
    v128_t sums[2][4];
    for (uint32_t p = 0; p < pixels; p++) {
        for (uint32_t v = 0; v < vectors; v++) {
            sums[p][v] = wasm_i32x4_splat(0);
        }
    }
    for (uint32_t ky = 0; ky < kernel; ky++, input += in_row) {
        for (uint32_t pair = 0; pair < pairs; pair++, weights += 2 * outputs) {
            v128_t inputs[2];
            for (uint32_t p = 0; p < pixels; p++) {
                inputs[p] = wasm_v128_load32_splat(input + p * in_step + 2 * pair);
            }
            for (uint32_t v = 0; v < vectors; v++) {
                const v128_t taps = wasm_v128_load(weights + v * 2 * OUTPUTS_AT_ONCE);
                for (uint32_t p = 0; p < pixels; p++) {
                    sums[p][v] = wasm_i32x4_add(sums[p][v], wasm_i32x4_dot_i16x8(inputs[p], taps));
                }
            }
        }
    }
    for (uint32_t p = 0; p < pixels; p++) {
        for (uint32_t v = 0; v < vectors; v++) {
            wasm_v128_store(acc + p * outputs + v * OUTPUTS_AT_ONCE, sums[p][v]);
        }
    }
}

static inline void convolve_row(const engine_layer *layer, const int16_t *input, const int16_t *weights,
                                uint32_t outputs, uint32_t kernel, uint32_t pairs, int32_t *acc, uint32_t vectors) {
    const uint32_t in_row = padded_row(layer), in_step = layer->config.stride * layer->config.in_channels;
    uint32_t x = 0;
    for (; x + 2 <= layer->conv_width; x += 2) {
        convolve_pixels(input + x * in_step, in_row, in_step, weights, outputs, kernel, pairs, acc + x * outputs, 2,
                        vectors);
    }
    if (x < layer->conv_width) {
        convolve_pixels(input + x * in_step, in_row, in_step, weights, outputs, kernel, pairs, acc + x * outputs, 1,
                        vectors);
    }
}

static void convolve_prepared(const engine_layer *layer, const prepared_convolution *prepared, uint32_t first_row,
                              uint32_t rows, int32_t *acc) {
    const engine_layer_config *config = &layer->config;
    const uint32_t outputs = config->out_channels, kernel = config->kernel, pairs = row_pairs(layer);
    for (uint32_t row = 0; row < rows; row++, acc += layer->conv_width * outputs) {
        const int16_t *input = prepared->input + (first_row + row) * config->stride * padded_row(layer);
        uint32_t o = 0;
        for (; o + 16 <= outputs; o += 16) {
            convolve_row(layer, input, prepared->weights + 2 * o, outputs, kernel, pairs, acc + o, 4);
        }
        for (; o + 8 <= outputs; o += 8) {
            convolve_row(layer, input, prepared->weights + 2 * o, outputs, kernel, pairs, acc + o, 2);
        }
        for (; o < outputs; o += 4) {
            convolve_row(layer, input, prepared->weights + 2 * o, outputs, kernel, pairs, acc + o, 1);
        }
    }
}

/* The plain way, for layers that are not prepared: input by input, zeros skipped. */
static void convolve_inputs(const engine_layer *layer, uint32_t first_row, uint32_t rows, int32_t *acc) {
    const engine_layer_config *config = &layer->config;
    const uint32_t channels = config->in_channels, outputs = config->out_channels;
    memset(acc, 0, rows * layer->conv_width * outputs * sizeof *acc);
    for (uint32_t row = 0; row < rows; row++, acc += layer->conv_width * outputs) {
        for (uint32_t ky = 0; ky < config->kernel; ky++) {
            const uint32_t iy = (first_row + row) * config->stride + ky - config->padding; /* wraps above the map */
            for (uint32_t ox = 0; iy < config->in_height && ox < layer->conv_width; ox++) {
                for (uint32_t kx = 0; kx < config->kernel; kx++) {
                    const uint32_t ix = ox * config->stride + kx - config->padding;
                    for (uint32_t c = 0; ix < config->in_width && c < channels; c++) {
                        const int32_t x = layer->input[(iy * config->in_width + ix) * channels + c];
                        if (x != 0) {
                            const uint32_t tap = (ky * config->kernel + kx) * channels + c;
                            add_scaled(acc + ox * outputs, layer->effective + tap * outputs, x, outputs);
                        }
                    }
                }
            }
        }
    }
}

static void convolution(const engine_layer *layer, uint32_t first_row, uint32_t rows, int32_t *acc) {
    if (layer->kernel_memory != NULL && is_prepared(layer)) {
        convolve_prepared(layer, layer->kernel_memory, first_row, rows, acc);
    } else {
        convolve_inputs(layer, first_row, rows, acc);
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
    .memory_bytes = memory_bytes,
    .scratch_bytes = scratch_bytes,
    .prepare = prepare,
    .convolution = convolution,
    .add_scaled_row = add_scaled_row,
    .requantise_row = requantise_row,
    .sparse_dot = sparse_dot,
    .convolution_error = convolution_error,
    .convolution_gradient = convolution_gradient,
    .update_scores = engine_update_scores,
    .update_channel_scores = engine_update_channel_scores,
};
