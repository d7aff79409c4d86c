/* Plain C kernels: the reference, and the shape that the Cortex-M0+ and SIMD ones replace. Convolutions have files of
 * their own. */
#include "plain.h"

#include "../arithmetic.h"

void PRIOT_HOT engine_add_scaled_row(int32_t *restrict acc, const int8_t *restrict row, int32_t x, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        acc[i] += x * row[i];
    }
}

static inline int8_t requantise_one(int32_t acc, uint32_t shift, bool relu) {
    return relu && acc <= 0 ? 0 : clamp_int8(round_shift(acc, shift));
}

/* Pools one row of windows; `below`: from an accumulator to the one under it. */
static void pool_row(const engine_layer *layer, const int32_t *acc, uint32_t below, int8_t *out, uint8_t *positions) {
    const uint32_t outputs = layer->config.out_channels, shift = layer->step.activation_shift;
    const bool relu = layer->config.relu;
    for (uint32_t x = 0; x < layer->shape.out_width; x++, acc += outputs) {
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
            *out++ = requantise_one(best, shift, relu);
        }
    }
}

void engine_requantise(const engine_layer *layer, uint32_t first, uint32_t end, const int32_t *acc) {
    const uint32_t outputs = layer->config.out_channels, shift = layer->step.activation_shift;
    const uint32_t count = layer->shape.out_width * outputs, below = layer->shape.conv_width * outputs;
    const bool relu = layer->config.relu;
    int8_t *out = layer->memory.output + first * count;
    if (!layer->config.pool) {
        for (uint32_t i = 0; i < (end - first) * count; i++) {
            out[i] = requantise_one(acc[i], shift, relu);
        }
        return;
    }
    for (uint32_t row = first; row < end; row++, acc += 2 * below, out += count) {
        pool_row(layer, acc, below, out, layer->memory.positions + row * count);
    }
}

int32_t PRIOT_HOT engine_sparse_dot(const int8_t *row, const engine_sparse_delta *deltas, uint32_t count) {
    int32_t sum = 0;
    for (const engine_sparse_delta *end = deltas + count; deltas < end; deltas++) {
        sum += deltas->delta * row[deltas->output];
    }
    return sum;
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

#define PLAIN_TABLE                                                                                                    \
    .requantise = engine_requantise, .add_scaled_row = engine_add_scaled_row, .sparse_dot = engine_sparse_dot,         \
    .update_scores = engine_update_scores, .update_channel_scores = engine_update_channel_scores,                      \
    .streamed = &engine_plain_streamed

const engine_kernel_table engine_kernels_plain = {
    .convolution = &engine_plain_convolution, .depthwise = &engine_plain_depthwise, PLAIN_TABLE};

const engine_kernel_table engine_kernels_dense = {
    .dense = true, .convolution = &engine_dense_convolution, .depthwise = &engine_plain_depthwise, PLAIN_TABLE};
