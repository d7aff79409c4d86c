#include "layer_memory.h"

#include "../../arithmetic.h"

#define MAX_SCRATCH_BYTES 16384u

static bool is_convolution(const engine_layer *layer) {
    return layer->config.operation == ENGINE_CONV2D;
}

static uint32_t pixel_count(const engine_layer *layer) {
    return layer->config.in_height * layer->config.in_width;
}

/* Whether the layer's shape is one these kernels are made for. */
static bool suits(const engine_layer *layer) {
    return !is_convolution(layer) ||
           (layer->config.out_channels % M0PLUS_GROUP == 0 && layer->config.kernel <= M0PLUS_MAX_KERNEL);
}

static uint32_t weights_bytes(const engine_layer *layer) {
    return layer->edges * (m0plus_reads_pixels(layer) ? 4 : 2);
}

uint32_t m0plus_memory_bytes(const engine_layer *layer) {
    if (!suits(layer)) {
        return 0;
    }
    uint32_t bytes = (uint32_t)sizeof(layer_memory) + layer->in_count * (uint32_t)sizeof(sparse_element);
    if (is_convolution(layer)) {
        bytes += weights_bytes(layer) + layer->edges * (uint32_t)sizeof(int8_t) +
                 (pixel_count(layer) + 1) * (uint32_t)sizeof(uint16_t);
    }
    return bytes;
}

/* Bytes of a layer's deltas listed by pixel. */
static uint32_t delta_list_bytes(const engine_layer *layer) {
    return layer->out_count * (uint32_t)sizeof(sparse_element) +
           (layer->conv_height * layer->conv_width + 1) * (uint32_t)sizeof(uint16_t);
}

/* The deltas of a window must fit into the error accumulators' place. */
bool m0plus_gathers_errors(const engine_layer *layer) {
    const uint32_t window = layer->config.kernel * layer->config.kernel * layer->config.out_channels;
    return suits(layer) && is_convolution(layer) && layer->config.stride == 1 && layer->below_has_relu &&
           delta_list_bytes(layer) <= MAX_SCRATCH_BYTES &&
           window * sizeof(engine_sparse_delta) <= layer->in_count * sizeof(int32_t);
}

uint32_t m0plus_padded_bytes(const engine_layer *layer) {
    const engine_layer_config *config = &layer->config;
    const uint32_t margin = 2 * config->padding;
    return ((config->in_height + margin) * (config->in_width + margin) * config->in_channels + 7u) & ~7u;
}

/* Bytes of the padded input and of one channel's deltas. */
static uint32_t correlation_bytes(const engine_layer *layer) {
    return m0plus_padded_bytes(layer) + (layer->out_height * layer->out_width + 1) * (uint32_t)sizeof(m0plus_work);
}

/* The assembly reads inputs without their sign. */
bool m0plus_correlates(const engine_layer *layer) {
    const engine_layer_config *config = &layer->config;
    const bool is_image = layer->first_edge == 0;
    return suits(layer) && is_convolution(layer) && (layer->below_has_relu || is_image) &&
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
    const uint32_t work =
        is_convolution(layer) ? (uint32_t)sizeof(m0plus_windows) : M0PLUS_WORK_ITEMS * (uint32_t)sizeof(m0plus_work);
    const uint32_t errors = m0plus_gathers_errors(layer) ? delta_list_bytes(layer) : 0;
    const uint32_t gradients = m0plus_correlates(layer) ? correlation_bytes(layer) : 0;
    return larger_bytes(work, larger_bytes(errors, gradients));
}

/* Copies of a convolution's effective weights in the orders that forward pass and errors want. */
static void PRIOT_HOT copy_weights(const engine_layer *layer, layer_memory *memory) {
    const uint32_t outputs = layer->config.out_channels;
    const bool lanes = !m0plus_reads_pixels(layer);
    uint32_t *weights = memory->weights;
    int32_t largest = 1;
    for (uint32_t group = 0, count; group < outputs; group += count) {
        count = m0plus_group_outputs(layer, group);
        const int8_t *effective = layer->effective + group;
        for (uint32_t tap = 0; tap < layer->fan_in; tap++, effective += outputs) {
            int8_t *by_channel = memory->by_channel + group * layer->fan_in + tap;
            for (uint32_t o = 0; o < count; o += 2, by_channel += 2 * layer->fan_in) {
                const int32_t lower = effective[o], upper = effective[o + 1];
                if (lanes) {
                    *weights++ = (uint32_t)lower + ((uint32_t)upper << 16);
                } else {
                    *weights++ = (uint32_t)lower;
                    *weights++ = (uint32_t)upper;
                }
                by_channel[0] = (int8_t)lower;
                by_channel[layer->fan_in] = (int8_t)upper;
                const int32_t larger = absolute(lower) > absolute(upper) ? absolute(lower) : absolute(upper);
                largest = larger > largest ? larger : largest;
            }
        }
    }
    memory->lane_budget = INT16_MAX / largest;
}

void PRIOT_HOT m0plus_prepare(engine_layer *layer) {
    layer_memory *memory = layer->kernel_memory;
    if (memory == NULL) {
        return;
    }
    memory->inputs = (sparse_element *)(memory + 1);
    if (!is_convolution(layer)) {
        memory->input_count = sparse_list_vector(layer->input, layer->in_count, memory->inputs);
        return;
    }
    memory->weights = memory->inputs + layer->in_count;
    memory->starts = (uint16_t *)((uint8_t *)memory->weights + weights_bytes(layer));
    memory->by_channel = (int8_t *)(memory->starts + pixel_count(layer) + 1);
    memory->input_count =
        sparse_list_map(layer->input, pixel_count(layer), layer->config.in_channels, memory->inputs, memory->starts);
    if (layer->effective_changed) {
        copy_weights(layer, memory);
        layer->effective_changed = false;
    }
}
