#include "layer_memory.h"

#include "../../arithmetic.h"

#include <string.h>

#define MAX_SCRATCH_BYTES 16384u

static bool is_convolution(const engine_layer *layer) {
    return layer->config.operation == ENGINE_CONV2D;
}

/* Whether a convolution's shape is one these kernels are made for. They read inputs without their sign, and know the
 * same kernel, stride and padding in every direction alone. Outputs that are no multiple of a group are filled up with
 * channels of no weight: their accumulators are 0, which nobody writes. */
static bool suits_convolution(const engine_layer *layer) {
    const engine_layer_config *config = &layer->config;
    const bool square = config->kernel_columns == config->kernel && config->stride_columns == config->stride;
    const bool symmetric = config->padding_left == config->padding && config->padding_bottom == config->padding &&
                           config->padding_right == config->padding;
    return square && symmetric && !config->depthwise && config->kernel <= M0PLUS_MAX_KERNEL &&
           config->padding < config->kernel && config->in_height <= M0PLUS_MAX_SIDE &&
           config->in_width <= M0PLUS_MAX_SIDE && config->stride <= UINT8_MAX && layer->shape.unsigned_inputs;
}

bool m0plus_suits(const engine_layer *layer) {
    if (layer->memory.streamed) {
        return false;
    }
    return is_convolution(layer) ? suits_convolution(layer) : layer->config.operation == ENGINE_LINEAR;
}

bool m0plus_lists_inputs(const engine_layer *layer) {
    return !(is_convolution(layer) && layer->shape.is_first && m0plus_reads_pixels(layer) && m0plus_correlates(layer));
}

/* Returns the bytes of the forward pass's effective weights. */
static uint32_t weights_bytes(const engine_layer *layer) {
    return layer->shape.fan_in * m0plus_filled_outputs(layer) * (m0plus_reads_pixels(layer) ? 4 : 2);
}

uint32_t m0plus_map_deltas_bytes(const engine_layer *layer) {
    return (uint32_t)sizeof(m0plus_map_deltas) + layer->shape.out_count * (uint32_t)sizeof(sparse_element) +
           (layer->shape.conv_height * layer->shape.conv_width + 1) * (uint32_t)sizeof(uint16_t);
}

/* Deltas are packed into words, with their pixel and channel in 16 and 8 bits. */
bool m0plus_gathers_errors(const engine_layer *layer) {
    return is_convolution(layer) && m0plus_suits(layer) && layer->config.stride == 1 && layer->shape.below_has_relu &&
           layer->config.out_channels <= 256 && m0plus_map_deltas_bytes(layer) <= MAX_SCRATCH_BYTES;
}

uint32_t m0plus_padded_bytes(const engine_layer *layer) {
    const engine_layer_config *config = &layer->config;
    const uint32_t margin = 2 * config->padding;
    return ((config->in_height + margin) * (config->in_width + margin) * config->in_channels + 7u) & ~7u;
}

uint32_t m0plus_correlation_bytes(const engine_layer *layer) {
    const uint32_t pixels = layer->shape.out_height * layer->shape.out_width + 1;
    return (uint32_t)sizeof(m0plus_correlation) + m0plus_padded_bytes(layer) +
           4 * pixels * (uint32_t)sizeof(sparse_element);
}

bool m0plus_correlates(const engine_layer *layer) {
    return is_convolution(layer) && m0plus_suits(layer) && m0plus_correlation_bytes(layer) <= MAX_SCRATCH_BYTES;
}

/* Takes bytes behind those taken so far, whole words of them. */
static void *take(layer_memory *memory, uint32_t *used, uint32_t bytes) {
    void *place = memory == NULL ? NULL : (uint8_t *)memory + *used;
    *used += (bytes + M0PLUS_WORD_BYTES - 1) / M0PLUS_WORD_BYTES * M0PLUS_WORD_BYTES;
    return place;
}

uint32_t m0plus_place(const engine_layer *layer, layer_memory *memory) {
    if (!m0plus_suits(layer)) {
        return 0;
    }
    const bool listed = m0plus_lists_inputs(layer), map = is_convolution(layer);
    const uint32_t pixels = layer->config.in_height * layer->config.in_width;
    uint32_t used = (uint32_t)sizeof *memory;
    void *inputs = take(memory, &used, listed ? layer->shape.in_count * (uint32_t)sizeof(sparse_element) : 0);
    void *weights = take(memory, &used, map ? weights_bytes(layer) : 0);
    void *by_input = take(memory, &used, map && m0plus_gathers_errors(layer) ? layer->shape.edges : 0);
    const uint32_t filled = map && layer->config.bias ? m0plus_filled_outputs(layer) : 0;
    void *biases = take(memory, &used, filled * (uint32_t)sizeof(int32_t));
    void *bias_lanes = take(memory, &used, filled / 2 * (uint32_t)sizeof(uint32_t));
    void *empty = take(memory, &used, filled);
    void *starts = take(memory, &used, map && listed ? (pixels + 1) * (uint32_t)sizeof(uint16_t) : 0);
    if (memory != NULL) {
        memory->inputs = inputs;
        memory->weights = weights;
        memory->by_input = by_input;
        memory->starts = starts;
        memory->biases = filled == 0 ? NULL : biases;
        memory->bias_lanes = filled == 0 ? NULL : bias_lanes;
        memory->empty = filled == 0 ? NULL : empty;
    }
    return used;
}

static inline bool has_changed(uint32_t changed, uint32_t channel) {
    return (changed >> channel % 32 & 1u) != 0;
}

/* Two channels' weights of all taps into words, `words` apart; the second channel may be one of no weight. */
static void PRIOT_HOT copy_pairs(const engine_layer *layer, uint32_t channel, uint32_t *word, uint32_t words) {
    const uint32_t outputs = layer->config.out_channels;
    const uint32_t mask = channel + 1 < outputs ? UINT32_MAX : 0;
    const int8_t *effective = layer->memory.effective, *const end = effective + layer->shape.edges;
    for (; effective < end; effective += outputs, word += words) {
        *word = (uint32_t)effective[channel] + (((uint32_t)effective[channel + (mask & 1)] & mask) << 16);
    }
}

/* Copies the same weights, one word each. */
static void __attribute__((noinline))
copy_widened(const engine_layer *layer, uint32_t channel, uint32_t *word, uint32_t words) {
    const uint32_t outputs = layer->config.out_channels;
    const uint32_t mask = channel + 1 < outputs ? UINT32_MAX : 0;
    const int8_t *effective = layer->memory.effective, *const end = effective + layer->shape.edges;
    for (; effective < end; effective += outputs, word += words) {
        word[0] = (uint32_t)effective[channel];
        word[1] = (uint32_t)effective[channel + (mask & 1)] & mask;
    }
}

/* Clears the words of two channels of no weight. */
static void __attribute__((noinline))
clear_pairs(const engine_layer *layer, uint32_t *word, uint32_t words, uint32_t count) {
    for (uint32_t tap = 0; tap < layer->shape.fan_in; tap++, word += words) {
        for (uint32_t i = 0; i < count; i++) {
            word[i] = 0;
        }
    }
}

/* A convolution's effective weights of the `changed` channels as the forward pass wants them. */
static void PRIOT_HOT copy_forward(const engine_layer *layer, layer_memory *memory, uint32_t changed) {
    const uint32_t outputs = layer->config.out_channels;
    const bool lanes = !m0plus_reads_pixels(layer) || memory->pixel_lanes;
    uint32_t *weights = memory->weights;
    for (uint32_t group = 0, count; group < outputs; group += count) {
        count = m0plus_group_outputs(layer, group);
        const uint32_t words = lanes ? count / 2 : count; /* of a tap */
        for (uint32_t o = 0; o < count; o += 2) {
            if (group + o >= outputs) {
                clear_pairs(layer, weights + (lanes ? o / 2 : o), words, lanes ? 1 : 2);
                continue;
            }
            if (!has_changed(changed, group + o) && !has_changed(changed, group + o + 1)) {
                continue;
            }
            if (lanes) {
                copy_pairs(layer, group + o, weights + o / 2, words);
            } else {
                copy_widened(layer, group + o, weights + o, words);
            }
        }
        weights += layer->shape.fan_in * words;
    }
}

/* Copies the same weights in the order that errors want. */
static void PRIOT_HOT copy_by_input(const engine_layer *layer, int8_t *to) {
    const uint32_t outputs = layer->config.out_channels, channels = layer->config.in_channels;
    const uint32_t kernel = layer->config.kernel, tap_weights = channels * outputs;
    for (uint32_t c = 0; c < channels; c++) {
        for (uint32_t ky = 0; ky < kernel; ky++) {
            const int8_t *tap = layer->memory.effective + ((ky + 1) * kernel * channels + c) * outputs;
            for (uint32_t kx = 0; kx < kernel; kx++, to += outputs) {
                tap -= tap_weights;
                memcpy(to, tap, outputs);
            }
        }
    }
}

void m0plus_widen_weights(const engine_layer *layer) {
    layer_memory *memory = m0plus_memory(layer);
    memory->pixel_lanes = false;
    copy_forward(layer, memory, UINT32_MAX);
}

void m0plus_copy_weights(const engine_layer *layer, uint32_t changed) {
    layer_memory *memory = m0plus_memory(layer);
    copy_forward(layer, memory, changed);
    if (m0plus_gathers_errors(layer)) {
        copy_by_input(layer, memory->by_input);
    }
}
