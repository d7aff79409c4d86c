/* Plain C kernels: the reference, and the shape that the Cortex-M0+ and SIMD ones replace. The same bodies are compiled
 * twice: skipping zeros, and dense (the yardstick of `priot bench`). Where faster ones stand in, the whole convolutions
 * here are not PRIOT_HOT: their loops fit into a cache of flash. */
#include "../arithmetic.h"
#include "kernels.h"

#include <string.h>

static inline void add_scaled(int32_t *restrict acc, const int8_t *restrict row, int32_t x, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        acc[i] += x * row[i];
    }
}

static void PRIOT_HOT add_scaled_row(int32_t *restrict acc, const int8_t *restrict row, int32_t x, uint32_t count) {
    add_scaled(acc, row, x, count);
}

/* Scatters one input row into one accumulator row through kernel row ky. The column ox = (ix + padding - kx) / stride
 * is tracked without dividing at every input. */
static inline void scatter_row(const engine_layer *layer, const int8_t *in, uint32_t ky, int32_t *acc) {
    const engine_layer_config *config = &layer->config;
    const uint32_t channels = config->in_channels, outputs = config->out_channels, stride = config->stride;
    uint32_t column = config->padding / stride,
             first_kx = config->padding % stride; /* ix + padding = column * stride + first_kx */
    const int8_t *kernel_row = layer->effective + ky * config->kernel * channels * outputs;
    for (uint32_t ix = 0; ix < config->in_width; ix++) {
        for (uint32_t c = 0; c < channels; c++) {
            const int32_t x = *in++;
            if (x == 0) {
                continue;
            }
            uint32_t ox = column;
            for (uint32_t kx = first_kx; kx < config->kernel; kx += stride, ox--) {
                if (ox < layer->conv_width) {
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

static void convolution(const engine_layer *layer, uint32_t first_row, uint32_t rows, int32_t *acc) {
    const engine_layer_config *config = &layer->config;
    const uint32_t acc_row = layer->conv_width * config->out_channels;
    memset(acc, 0, rows * acc_row * sizeof *acc);
    for (uint32_t row = 0; row < rows; row++, acc += acc_row) {
        for (uint32_t ky = 0; ky < config->kernel; ky++) {
            const uint32_t iy = (first_row + row) * config->stride + ky - config->padding; /* wraps above the map */
            if (iy < config->in_height) {
                scatter_row(layer, layer->input + iy * config->in_width * config->in_channels, ky, acc);
            }
        }
    }
}

static inline int8_t requantise(int32_t acc, uint32_t shift, bool relu) {
    return relu && acc <= 0 ? 0 : clamp_int8(round_shift(acc, shift));
}

static void requantise_row(const engine_layer *layer, const int32_t *acc, uint32_t out_row) {
    const uint32_t outputs = layer->config.out_channels, shift = layer->activation_shift;
    const uint32_t count = layer->out_width * outputs, below = layer->conv_width * outputs;
    const bool relu = layer->config.relu;
    int8_t *out = layer->output + out_row * count;
    if (!layer->config.pool) {
        for (uint32_t i = 0; i < count; i++) {
            out[i] = requantise(acc[i], shift, relu);
        }
        return;
    }
    uint8_t *positions = layer->positions + out_row * count;
    for (uint32_t x = 0; x < layer->out_width; x++, acc += outputs) {
        for (uint32_t o = 0; o < outputs; o++, acc++) {
            int32_t best = acc[0];
            uint8_t position = 0;
            if (acc[outputs] > best) {
                best = acc[outputs];
                position = 1;
            }
            if (acc[below] > best) {
                best = acc[below];
                position = 2;
            }
            if (acc[below + outputs] > best) {
                best = acc[below + outputs];
                position = 3;
            }
            *positions++ = position;
            *out++ = requantise(best, shift, relu);
        }
    }
}

static int32_t PRIOT_HOT sparse_dot(const int8_t *row, const engine_sparse_delta *deltas, uint32_t count) {
    int32_t sum = 0;
    for (const engine_sparse_delta *end = deltas + count; deltas < end; deltas++) {
        sum += deltas->delta * row[deltas->output];
    }
    return sum;
}

/* The part of a kernel row that lies inside the map, for an output column: elements [begin, end) of kernel * channels,
 * falling on input elements from `in` (of the map's row) on. Contiguous on both sides, since maps are HWC. */
typedef struct {
    uint32_t begin, end, in;
} kernel_run;

static inline kernel_run clip_run(const engine_layer_config *config, uint32_t ox) {
    const uint32_t left = ox * config->stride; /* of the padded row */
    const uint32_t first = left < config->padding ? config->padding - left : 0;
    const uint32_t room = config->in_width + config->padding - left; /* > 0: the window touches the padded map */
    const uint32_t last = config->kernel < room ? config->kernel : room;
    return (kernel_run){first * config->in_channels, last * config->in_channels,
                        (left + first - config->padding) * config->in_channels};
}

/* Output by output, every product of a window. */
static void convolution_dense(const engine_layer *layer, uint32_t first_row, uint32_t rows, int32_t *acc) {
    const engine_layer_config *config = &layer->config;
    const uint32_t outputs = config->out_channels, kernel_row = config->kernel * config->in_channels;
    const uint32_t in_row = config->in_width * config->in_channels;
    for (uint32_t oy = first_row; oy < first_row + rows; oy++) {
        for (uint32_t ox = 0; ox < layer->conv_width; ox++, acc += outputs) {
            const kernel_run run = clip_run(config, ox);
            for (uint32_t o = 0; o < outputs; o++) {
                int32_t sum = 0;
                for (uint32_t ky = 0; ky < config->kernel; ky++) {
                    const uint32_t iy = oy * config->stride + ky - config->padding; /* wraps above the map */
                    if (iy >= config->in_height) {
                        continue;
                    }
                    const int8_t *in = layer->input + iy * in_row + run.in;
                    const int8_t *weight = layer->effective + (ky * kernel_row + run.begin) * outputs + o;
                    for (const int8_t *end = in + run.end - run.begin; in < end; in++, weight += outputs) {
                        sum += *in * *weight;
                    }
                }
                acc[o] = sum;
            }
        }
    }
}

/* Where a delta of the layer lies in the accumulator map. */
static inline void locate(const engine_layer *layer, uint32_t y, uint32_t x, uint32_t index, uint32_t *oy,
                          uint32_t *ox) {
    if (layer->config.pool) {
        const uint32_t position = layer->positions[index];
        *oy = 2 * y + (position >> 1);
        *ox = 2 * x + (position & 1);
    } else {
        *oy = y;
        *ox = x;
    }
}

static inline void scatter_error(const engine_layer *layer, int32_t *error, int8_t *channel_weights, bool dense) {
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
                if (delta == 0 && !dense) {
                    continue;
                }
                uint32_t oy, ox;
                locate(layer, y, x, index, &oy, &ox);
                const kernel_run run = clip_run(config, ox);
                for (uint32_t ky = 0; ky < config->kernel; ky++) {
                    const uint32_t padded = oy * config->stride + ky;
                    if (padded >= config->padding && padded - config->padding < config->in_height) {
                        add_scaled(error + (padded - config->padding) * in_row + run.in,
                                   channel_weights + ky * kernel_row + run.begin, delta, run.end - run.begin);
                    }
                }
            }
        }
    }
}

static void convolution_error(const engine_layer *layer, int32_t *error, int8_t *channel_weights) {
    scatter_error(layer, error, channel_weights, false);
}

static void convolution_error_dense(const engine_layer *layer, int32_t *error, int8_t *channel_weights) {
    scatter_error(layer, error, channel_weights, true);
}

static inline void gather_gradient(const engine_layer *layer, uint32_t channel, int32_t *gradient, bool dense) {
    const engine_layer_config *config = &layer->config;
    const uint32_t outputs = config->out_channels, kernel_row = config->kernel * config->in_channels;
    const uint32_t in_row = config->in_width * config->in_channels;
    memset(gradient, 0, layer->fan_in * sizeof *gradient);
    uint32_t index = channel;
    for (uint32_t y = 0; y < layer->out_height; y++) {
        for (uint32_t x = 0; x < layer->out_width; x++, index += outputs) {
            const int32_t delta = layer->delta[index];
            if (delta == 0 && !dense) {
                continue;
            }
            uint32_t oy, ox;
            locate(layer, y, x, index, &oy, &ox);
            const kernel_run run = clip_run(config, ox);
            for (uint32_t ky = 0; ky < config->kernel; ky++) {
                const uint32_t padded = oy * config->stride + ky;
                if (padded >= config->padding && padded - config->padding < config->in_height) {
                    add_scaled(gradient + ky * kernel_row + run.begin,
                               layer->input + (padded - config->padding) * in_row + run.in, delta, run.end - run.begin);
                }
            }
        }
    }
}

static void convolution_gradient(const engine_layer *layer, uint32_t channel, int32_t *gradient) {
    gather_gradient(layer, channel, gradient, false);
}

static void convolution_gradient_dense(const engine_layer *layer, uint32_t channel, int32_t *gradient) {
    gather_gradient(layer, channel, gradient, true);
}

/* One score; true when it crosses the threshold. Branches first on what is most likely: no change. */
static inline bool update_score(const engine_score_row *row, uint32_t edge, int32_t gradient,
                                uint32_t effective_index) {
    const int8_t weight = row->weights[edge], old = row->scores[edge];
    const int32_t step = (gradient * weight + row->half) >> row->shift;
    if (step == 0) {
        return false;
    }
    const int8_t updated = clamp_int8(old - clamp_int8(step));
    row->scores[edge] = updated;
    if ((old >= row->threshold) == (updated >= row->threshold)) {
        return false;
    }
    if (row->effective != NULL) {
        row->effective[effective_index] = (int8_t)(updated >= row->threshold ? weight : weight * row->below_factor);
    }
    return true;
}

void engine_update_scores(const engine_score_row *row, int32_t x, const engine_sparse_delta *deltas, uint32_t count) {
    const uint32_t span = 2u * (uint32_t)row->negligible;
    for (const engine_sparse_delta *end = deltas + count; deltas < end; deltas++) {
        const int32_t gradient = deltas->delta * x;
        if ((uint32_t)(gradient + row->negligible) > span) {
            update_score(row, deltas->output, gradient, deltas->output);
        }
    }
}

bool engine_update_channel_scores(const engine_score_row *row, const int32_t *gradient, uint32_t count,
                                  uint32_t pitch) {
    bool crossed = false;
    for (uint32_t edge = 0; edge < count; edge++) {
        if (gradient[edge] != 0 && update_score(row, edge, gradient[edge], edge * pitch)) {
            crossed = true;
        }
    }
    return crossed;
}

const engine_kernel_table engine_kernels_plain = {
    .convolution = convolution,
    .add_scaled_row = add_scaled_row,
    .requantise_row = requantise_row,
    .sparse_dot = sparse_dot,
    .convolution_error = convolution_error,
    .convolution_gradient = convolution_gradient,
    .update_scores = engine_update_scores,
    .update_channel_scores = engine_update_channel_scores,
};

const engine_kernel_table engine_kernels_dense = {
    .dense = true,
    .convolution = convolution_dense,
    .add_scaled_row = add_scaled_row,
    .requantise_row = requantise_row,
    .sparse_dot = sparse_dot,
    .convolution_error = convolution_error_dense,
    .convolution_gradient = convolution_gradient_dense,
    .update_scores = engine_update_scores,
    .update_channel_scores = engine_update_channel_scores,
};
