/* Kernels with 128-bit WebAssembly SIMD, for the simulator. */
#include "../../arithmetic.h"
#include "../plain.h"
#include "../window_deltas.h"

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

/* A copy beyond this many elements is not worth its memory. */
#define MAX_PREPARED_ELEMENTS (1u << 26)

static uint32_t row_pairs(const engine_layer_config *config) {
    return (config->kernel_columns * config->in_channels + 1) / 2;
}

static uint32_t padded_row(const engine_layer_config *config) {
    return (config->padding_left + config->in_width + config->padding_right) * config->in_channels;
}

static uint64_t weights_count(const engine_layer_config *config) {
    return (uint64_t)config->kernel * row_pairs(config) * config->out_channels * 2;
}

static uint64_t input_count(const engine_layer_config *config) {
    const uint32_t rows = config->padding + config->in_height + config->padding_bottom;
    return (uint64_t)rows * padded_row(config) + 2; /* the last pair may reach one beyond */
}

static bool is_prepared(const engine_layer *layer) {
    const engine_layer_config *config = &layer->config;
    return config->operation == ENGINE_CONV2D && !config->depthwise && config->out_channels % OUTPUTS_AT_ONCE == 0 &&
           (uint64_t)(config->padding_left + config->in_width + config->padding_right) * config->in_channels <=
               MAX_PREPARED_ELEMENTS &&
           weights_count(config) <= MAX_PREPARED_ELEMENTS && input_count(config) <= MAX_PREPARED_ELEMENTS;
}

static uint32_t memory_bytes(const engine_layer *layer) {
    if (!is_prepared(layer)) {
        return 0;
    }
    const uint32_t elements = (uint32_t)(weights_count(&layer->config) + input_count(&layer->config));
    return (uint32_t)sizeof(prepared_convolution) + elements * (uint32_t)sizeof(int16_t);
}

static uint32_t scratch_bytes(const engine_layer *layer) {
    (void)layer;
    return 0;
}

static void prepare_weights(const engine_layer *layer, int16_t *weights) {
    const engine_layer_config *config = &layer->config;
    const uint32_t outputs = config->out_channels, row = config->kernel_columns * config->in_channels;
    for (uint32_t ky = 0; ky < config->kernel; ky++) {
        for (uint32_t pair = 0; pair < row_pairs(config); pair++) {
            const int8_t *first = layer->memory.effective + (ky * row + 2 * pair) * outputs;
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
    const int8_t *from = layer->step.input;
    for (uint32_t y = 0; y < config->in_height; y++, from += count) {
        int16_t *to = input + (y + config->padding) * padded_row(config) + config->padding_left * config->in_channels;
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
    prepared_convolution *prepared = layer->memory.kernel_memory;
    if (prepared == NULL || !is_prepared(layer)) {
        return;
    }
    prepared->weights = (int16_t *)(prepared + 1);
    prepared->input = prepared->weights + weights_count(&layer->config);
    if (layer->step.changed_channels != 0) {
        prepare_weights(layer, prepared->weights);
        layer->step.changed_channels = 0;
    }
    prepare_input(layer, prepared->input);
}

/* Sums of `vectors` times four outputs, from `weights` on, for `pixels` neighbours. The numbers are constants where it
 * is called, so that all sums stay in registers. */
static inline void convolve_pixels(const int16_t *input, uint32_t in_row, uint32_t in_step, const int16_t *weights,
                                   uint32_t outputs, uint32_t kernel, uint32_t pairs, const int32_t *biases,
                                   int32_t *acc, uint32_t pixels, uint32_t vectors) {
    v128_t sums[2][4];
    for (uint32_t p = 0; p < pixels; p++) {
        for (uint32_t v = 0; v < vectors; v++) {
            sums[p][v] = biases == NULL ? wasm_i32x4_splat(0) : wasm_v128_load(biases + v * OUTPUTS_AT_ONCE);
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

/* Convolves one row from output channel `first` on. */
static inline void convolve_row(const engine_layer *layer, const prepared_convolution *prepared, uint32_t row,
                                uint32_t first, int32_t *acc, uint32_t vectors) {
    const engine_layer_config *config = &layer->config;
    const uint32_t outputs = config->out_channels, kernel = config->kernel, pairs = row_pairs(config);
    const uint32_t in_row = padded_row(config), in_step = config->stride_columns * config->in_channels;
    const int16_t *input = prepared->input + row * config->stride * in_row;
    const int16_t *weights = prepared->weights + 2 * first;
    const int32_t *biases = layer->step.biases == NULL ? NULL : layer->step.biases + first;
    uint32_t x = 0;
    for (; x + 2 <= layer->shape.conv_width; x += 2) {
        convolve_pixels(input + x * in_step, in_row, in_step, weights, outputs, kernel, pairs, biases,
                        acc + x * outputs + first, 2, vectors);
    }
    if (x < layer->shape.conv_width) {
        convolve_pixels(input + x * in_step, in_row, in_step, weights, outputs, kernel, pairs, biases,
                        acc + x * outputs + first, 1, vectors);
    }
}

static void accumulate(const engine_layer *layer, uint32_t first, uint32_t end, int32_t *acc) {
    const prepared_convolution *prepared = layer->memory.kernel_memory;
    const uint32_t outputs = layer->config.out_channels;
    if (prepared == NULL) {
        engine_plain_convolution.accumulate(layer, first, end, acc);
        return;
    }
    for (uint32_t row = first; row < end; row++, acc += layer->shape.conv_width * outputs) {
        uint32_t o = 0;
        for (; o + 16 <= outputs; o += 16) {
            convolve_row(layer, prepared, row, o, acc, 4);
        }
        for (; o + 8 <= outputs; o += 8) {
            convolve_row(layer, prepared, row, o, acc, 2);
        }
        for (; o < outputs; o += 4) {
            convolve_row(layer, prepared, row, o, acc, 1);
        }
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
    const uint32_t shift = layer->step.activation_shift;
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

static void pool_row(const engine_layer *layer, const int32_t *acc, uint32_t row) {
    const uint32_t outputs = layer->config.out_channels, shift = layer->step.activation_shift;
    const uint32_t count = layer->shape.out_width * outputs, below = layer->shape.conv_width * outputs;
    const bool relu = layer->config.relu;
    int8_t *out = layer->memory.output + row * count;
    uint8_t *positions = layer->memory.positions + row * count;
    for (uint32_t x = 0; x < layer->shape.out_width; x++, acc += 2 * outputs, out += outputs, positions += outputs) {
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

static void requantise_rows(const engine_layer *layer, uint32_t first, uint32_t end, const int32_t *acc) {
    const uint32_t acc_row = layer->shape.conv_width * layer->config.out_channels;
    if (!layer->config.pool) {
        requantise_map(layer, acc, layer->memory.output + first * acc_row, (end - first) * acc_row);
        return;
    }
    for (uint32_t row = first; row < end; row++, acc += 2 * acc_row) {
        pool_row(layer, acc, row);
    }
}

static void errors(const engine_layer *layer, int32_t *error, int8_t *channel_weights) {
    engine_scatter_errors(layer, error, channel_weights, false, add_scaled);
}

static void gradients(engine_layer *layer, uint32_t first, uint32_t end, const engine_gradient_sink *sink) {
    engine_gather_gradients(layer, first, end, sink, false, add_scaled);
}

static const engine_window_kernels convolution = {.accumulate = accumulate, .errors = errors, .gradients = gradients};

const engine_kernel_table engine_kernels_simd = {
    .memory_bytes = memory_bytes,
    .scratch_bytes = scratch_bytes,
    .prepare = prepare,
    .convolution = &convolution,
    .streamed = &engine_plain_streamed,
    .depthwise = &engine_plain_depthwise,
    .requantise = requantise_rows,
    .add_scaled_row = add_scaled_row,
    .sparse_dot = engine_sparse_dot,
    .update_scores = engine_update_scores,
    .update_channel_scores = engine_update_channel_scores,
};
