#include "layer_memory.h"

#include "../../arithmetic.h"

#include <string.h>

#define MAX_SCRATCH_BYTES 16384u

static bool is_convolution(const engine_layer *layer) {
    return layer->config.operation == ENGINE_CONV2D;
}

static uint32_t pixel_count(const engine_layer *layer) {
    return layer->config.in_height * layer->config.in_width;
}

/* Whether the layer's shape is one these kernels are made for. Their convolutions read inputs without their sign. */
static bool suits(const engine_layer *layer) {
    const bool is_image = layer->first_edge == 0;
    return !is_convolution(layer) || (layer->config.out_channels % M0PLUS_GROUP == 0 &&
                                      layer->config.kernel <= M0PLUS_MAX_KERNEL && (layer->below_has_relu || is_image));
}

/* Bytes of the forward pass's effective weights. */
static uint32_t weights_bytes(const engine_layer *layer) {
    return layer->edges * (m0plus_reads_pixels(layer) ? 4 : 2);
}

/* Bytes of a layer's deltas listed by pixel. */
static uint32_t delta_list_bytes(const engine_layer *layer) {
    return layer->out_count * (uint32_t)sizeof(sparse_element) +
           (layer->conv_height * layer->conv_width + 1) * (uint32_t)sizeof(uint16_t);
}

/* Deltas are packed into words, with their pixel and channel in 16 and 8 bits. */
bool m0plus_gathers_errors(const engine_layer *layer) {
    return suits(layer) && is_convolution(layer) && layer->config.stride == 1 && layer->below_has_relu &&
           layer->config.out_channels <= 256 && delta_list_bytes(layer) <= MAX_SCRATCH_BYTES;
}

/* An image that is read pixel by pixel, forward and in the update, needs no list. */
static bool lists_inputs(const engine_layer *layer) {
    const bool is_image = layer->first_edge == 0;
    return !(is_convolution(layer) && is_image && m0plus_reads_pixels(layer) && m0plus_correlates(layer));
}

uint32_t m0plus_memory_bytes(const engine_layer *layer) {
    if (!suits(layer)) {
        return 0;
    }
    uint32_t bytes = (uint32_t)sizeof(layer_memory);
    if (lists_inputs(layer)) {
        bytes += layer->in_count * (uint32_t)sizeof(sparse_element);
    }
    if (is_convolution(layer)) {
        bytes += weights_bytes(layer) + (m0plus_gathers_errors(layer) ? layer->edges : 0);
        if (lists_inputs(layer)) {
            bytes += (pixel_count(layer) + 1) * (uint32_t)sizeof(uint16_t);
        }
    }
    return bytes;
}

uint32_t m0plus_padded_bytes(const engine_layer *layer) {
    const engine_layer_config *config = &layer->config;
    const uint32_t margin = 2 * config->padding;
    return ((config->in_height + margin) * (config->in_width + margin) * config->in_channels + 7u) & ~7u;
}

/* Bytes of the padded input and of the lists of four channels' deltas. */
static uint32_t correlation_bytes(const engine_layer *layer) {
    const uint32_t pixels = layer->out_height * layer->out_width + 1;
    return m0plus_padded_bytes(layer) + 4 * pixels * (uint32_t)sizeof(sparse_element);
}

bool m0plus_correlates(const engine_layer *layer) {
    const engine_layer_config *config = &layer->config;
    return suits(layer) && is_convolution(layer) &&
           (config->in_channels % 8 == 0 || (config->in_channels == 1 && config->kernel == 3)) &&
           correlation_bytes(layer) <= MAX_SCRATCH_BYTES;
}

static uint32_t larger_bytes(uint32_t a, uint32_t b) {
    return a > b ? a : b;
}

uint32_t m0plus_scratch_bytes(const engine_layer *layer) {
    if (!suits(layer)) {
        return 0;
    }
    uint32_t work = 0;
    if (!is_convolution(layer)) {
        const uint32_t deltas = layer->config.out_channels * (uint32_t)sizeof(sparse_element);
        work = larger_bytes(M0PLUS_WORK_ITEMS * (uint32_t)sizeof(m0plus_work), deltas);
    } else if (m0plus_reads_pixels(layer)) {
        work = m0plus_pixels_scratch_bytes(layer);
    } else {
        work = m0plus_windows_scratch_bytes(layer);
    }
    const uint32_t errors = m0plus_gathers_errors(layer) ? delta_list_bytes(layer) : 0;
    const uint32_t gradients = m0plus_correlates(layer) ? correlation_bytes(layer) : 0;
    return larger_bytes(work, larger_bytes(errors, gradients));
}

static inline bool has_changed(uint32_t changed, uint32_t channel) {
    return (changed >> channel % 32 & 1u) != 0;
}

/* Two channels' weights of all taps into words, `words` apart. */
static void PRIOT_HOT copy_pairs(const engine_layer *layer, uint32_t channel, uint32_t *word, uint32_t words) {
    const uint32_t outputs = layer->config.out_channels;
    const int8_t *effective = layer->effective + channel, *const end = effective + layer->edges;
    for (; effective < end; effective += outputs, word += words) {
        *word = (uint32_t)effective[0] + ((uint32_t)effective[1] << 16);
    }
}

/* Copies the same weights, one word each. */
static void PRIOT_HOT copy_widened(const engine_layer *layer, uint32_t channel, uint32_t *word, uint32_t words) {
    const uint32_t outputs = layer->config.out_channels;
    const int8_t *effective = layer->effective + channel, *const end = effective + layer->edges;
    for (; effective < end; effective += outputs, word += words) {
        word[0] = (uint32_t)effective[0];
        word[1] = (uint32_t)effective[1];
    }
}

/* A convolution's effective weights of the `changed` channels as the forward pass wants them. */
static void PRIOT_HOT copy_weights(const engine_layer *layer, layer_memory *memory, uint32_t changed) {
    const uint32_t outputs = layer->config.out_channels;
    const bool lanes = !m0plus_reads_pixels(layer) || memory->pixel_lanes;
    uint32_t *weights = memory->weights;
    for (uint32_t group = 0, count; group < outputs; group += count) {
        count = m0plus_group_outputs(layer, group);
        const uint32_t words = lanes ? count / 2 : count; /* of a tap */
        for (uint32_t o = 0; o < count; o += 2) {
            if (!has_changed(changed, group + o) && !has_changed(changed, group + o + 1)) {
                continue;
            }
            if (lanes) {
                copy_pairs(layer, group + o, weights + o / 2, words);
            } else {
                copy_widened(layer, group + o, weights + o, words);
            }
        }
        weights += layer->fan_in * words;
    }
}

void m0plus_widen_weights(const engine_layer *layer) {
    layer_memory *memory = layer->kernel_memory;
    memory->pixel_lanes = false;
    copy_weights(layer, memory, UINT32_MAX);
}

/* Copies the same weights in the order that errors want. */
static void PRIOT_HOT copy_by_input(const engine_layer *layer, int8_t *to) {
    const uint32_t outputs = layer->config.out_channels, channels = layer->config.in_channels;
    const uint32_t kernel = layer->config.kernel, tap_weights = channels * outputs;
    for (uint32_t c = 0; c < channels; c++) {
        for (uint32_t ky = 0; ky < kernel; ky++) {
            const int8_t *tap = layer->effective + ((ky + 1) * kernel * channels + c) * outputs;
            for (uint32_t kx = 0; kx < kernel; kx++, to += outputs) {
                tap -= tap_weights;
                memcpy(to, tap, outputs);
            }
        }
    }
}

/* The sums of the listed inputs before each pixel. */
static void sum_inputs(const layer_memory *memory, uint32_t pixels, uint16_t *sums) {
    const sparse_element *element = memory->inputs;
    uint16_t sum = 0;
    sums[0] = 0;
    for (uint32_t pixel = 1; pixel <= pixels; pixel++) {
        for (; element < memory->inputs + memory->starts[pixel]; element++) {
            sum = (uint16_t)(sum + (uint8_t)*element);
        }
        sums[pixel] = sum;
    }
}

/* Lists the non-zero inputs, of a convolution by pixel. */
static void PRIOT_HOT list_inputs(const engine_layer *layer, layer_memory *memory) {
    const bool is_map = is_convolution(layer);
    const uint32_t pixels = is_map ? pixel_count(layer) : 1;
    const uint32_t channels = layer->in_count / pixels;
    if (channels % 4 == 0 && (uintptr_t)layer->input % 4 == 0) {
        uint16_t unused[2];
        const sparse_element *end =
            m0plus_list_words(layer->input, pixels, channels / 4, memory->inputs, is_map ? memory->starts : unused,
                              is_map ? m0plus_input_sums(layer) : unused);
        memory->input_count = (uint32_t)(end - memory->inputs);
    } else if (is_map) {
        memory->input_count = sparse_list_map(layer->input, pixels, channels, memory->inputs, memory->starts);
        if (!m0plus_reads_pixels(layer)) {
            sum_inputs(memory, pixels, m0plus_input_sums(layer));
        }
    } else {
        memory->input_count = sparse_list_vector(layer->input, layer->in_count, memory->inputs);
    }
}

void PRIOT_HOT m0plus_prepare(engine_layer *layer) {
    layer_memory *memory = layer->kernel_memory;
    if (memory == NULL) {
        return;
    }
    memory->inputs = (sparse_element *)(memory + 1);
    if (layer->changed_channels != 0) {
        memory->lane_budget = INT16_MAX / layer->largest_weight;
    }
    if (!is_convolution(layer)) {
        layer->changed_channels = 0;
        list_inputs(layer, memory);
        return;
    }
    const bool listed = lists_inputs(layer);
    memory->weights = memory->inputs + (listed ? layer->in_count : 0);
    memory->by_input = (int8_t *)memory->weights + weights_bytes(layer); /* word by word */
    memory->starts = (uint16_t *)(memory->by_input + (m0plus_gathers_errors(layer) ? layer->edges : 0));
    if (listed) {
        list_inputs(layer, memory);
    }
    if (m0plus_reads_pixels(layer)) {
        m0plus_copy_pixels(layer);
    } else if (layer->config.pool) {
        m0plus_place_windows(layer);
    }
    if (layer->changed_channels != 0) {
        if (m0plus_reads_pixels(layer)) {
            const bool lanes = m0plus_pixels_fit_lanes(layer);
            if (lanes != memory->pixel_lanes) {
                memory->pixel_lanes = lanes;
                layer->changed_channels = UINT32_MAX;
            }
        }
        copy_weights(layer, memory, layer->changed_channels);
        if (m0plus_gathers_errors(layer)) {
            copy_by_input(layer, memory->by_input);
        }
        layer->changed_channels = 0;
    }
}
