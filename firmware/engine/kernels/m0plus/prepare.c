/* Once an image, for each layer: inputs are listed or copied, and copies of the effective weights renewed. */
#include "prepare.h"

#include "../../arithmetic.h"
#include "forward.h"
#include "streamed.h"

#include <string.h>

uint32_t m0plus_memory_bytes(const engine_layer *layer) {
    return m0plus_streams(layer) ? m0plus_streamed_memory_bytes(layer) : m0plus_place(layer, NULL);
}

uint32_t m0plus_scratch_bytes(const engine_layer *layer) {
    if (m0plus_streams(layer)) {
        return larger_of(m0plus_streamed_forward_bytes(layer), m0plus_streamed_backward_bytes(layer));
    }
    if (!m0plus_suits(layer)) {
        return 0;
    }
    if (layer->config.operation == ENGINE_LINEAR) {
        const uint32_t outputs = layer->config.out_channels;
        return larger_of(M0PLUS_WORK_ITEMS * (uint32_t)sizeof(m0plus_work),
                         larger_of((uint32_t)sizeof(m0plus_linear_deltas) + outputs * (uint32_t)sizeof(sparse_element),
                                   (uint32_t)sizeof(m0plus_factors) + outputs * (uint32_t)sizeof(int32_t)));
    }
    const uint32_t forward = m0plus_reads_pixels(layer) ? m0plus_pixels_bytes(layer) : m0plus_windows_bytes(layer);
    const uint32_t errors = m0plus_gathers_errors(layer) ? m0plus_map_deltas_bytes(layer) : 0;
    const uint32_t gradients = m0plus_correlates(layer) ? m0plus_correlation_bytes(layer) : 0;
    return larger_of(forward, larger_of(errors, gradients));
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
    const bool is_map = layer->config.operation == ENGINE_CONV2D;
    const uint32_t pixels = is_map ? layer->config.in_height * layer->config.in_width : 1;
    const uint32_t channels = layer->shape.in_count / pixels;
    if (channels % 4 == 0 && (uintptr_t)layer->step.input % 4 == 0) {
        uint16_t unused[2];
        const sparse_element *end =
            m0plus_list_words(layer->step.input, pixels, channels / 4, memory->inputs, is_map ? memory->starts : unused,
                              is_map ? m0plus_input_sums(layer) : unused);
        memory->input_count = (uint32_t)(end - memory->inputs);
    } else if (is_map) {
        memory->input_count = sparse_list_map(layer->step.input, pixels, channels, memory->inputs, memory->starts);
        if (!m0plus_reads_pixels(layer)) {
            sum_inputs(memory, pixels, m0plus_input_sums(layer));
        }
    } else {
        memory->input_count = sparse_list_vector(layer->step.input, layer->shape.in_count, memory->inputs);
    }
}

/* Whether pixels are read from lanes depends on the weights; then all of them lie in another way. */
static void choose_lanes(engine_layer *layer, layer_memory *memory) {
    const bool lanes = m0plus_pixels_fit_lanes(layer);
    if (lanes != memory->pixel_lanes) {
        memory->pixel_lanes = lanes;
        layer->step.changed_channels = UINT32_MAX;
    }
}

/* The biases of this image, as the kernels of a convolution want them. */
static void __attribute__((noinline)) place_biases(const engine_layer *layer, layer_memory *memory) {
    const uint32_t outputs = layer->config.out_channels, shift = layer->step.activation_shift;
    const int32_t *const biases = layer->step.biases;
    int32_t largest = 0;
    for (uint32_t o = 0; o < m0plus_filled_outputs(layer); o++) {
        const int32_t bias = o < outputs && biases != NULL ? biases[o] : 0;
        memory->biases[o] = bias;
        memory->empty[o] = bias > 0 ? clamp_int8(round_shift(bias, shift)) : 0;
        memory->bias_lanes[o / 2] =
            o % 2 == 0 ? (uint32_t)bias - 1 : memory->bias_lanes[o / 2] + ((uint32_t)bias << 16);
        largest = absolute(bias) > largest ? absolute(bias) : largest;
    }
    memory->packed_budget = largest < INT16_MAX ? (INT16_MAX - largest) / layer->step.largest_weight : 0;
}

void PRIOT_HOT m0plus_prepare_weights(engine_layer *layer) {
    layer_memory *memory = m0plus_memory(layer);
    if (memory == NULL || layer->memory.streamed) {
        return;
    }
    if (memory->inputs == NULL && memory->weights == NULL) {
        m0plus_place(layer, memory);
    }
    if (layer->step.changed_channels == 0) {
        return;
    }
    memory->lane_budget = INT16_MAX / layer->step.largest_weight;
    if (layer->config.operation != ENGINE_LINEAR) {
        if (m0plus_reads_pixels(layer)) {
            choose_lanes(layer, memory);
        }
        m0plus_copy_weights(layer, layer->step.changed_channels);
    }
    layer->step.changed_channels = 0;
}

void PRIOT_HOT m0plus_prepare(engine_layer *layer) {
    layer_memory *memory = m0plus_memory(layer);
    m0plus_prepare_weights(layer);
    if (memory == NULL || layer->memory.streamed) {
        return;
    }
    memory->packed_budget = memory->lane_budget;
    if (memory->biases != NULL) {
        place_biases(layer, memory);
    }
    if (m0plus_lists_inputs(layer)) {
        list_inputs(layer, memory);
    }
    if (layer->config.operation == ENGINE_LINEAR) {
        return;
    }
    if (m0plus_reads_pixels(layer)) {
        m0plus_copy_pixels(layer);
    } else if (layer->config.pool) {
        m0plus_place_windows(layer);
    }
}

void m0plus_prepare_twin(const engine_layer *layer, const engine_layer *twin) {
    if (m0plus_memory(layer) == NULL || layer->memory.streamed || layer->config.operation == ENGINE_LINEAR) {
        return;
    }
    if (m0plus_reads_pixels(layer)) {
        m0plus_copy_pixels(twin);
    } else if (layer->config.pool) {
        const uint32_t pixels = layer->config.in_height * layer->config.in_width;
        m0plus_place_windows(twin);
        memcpy(m0plus_input_sums(twin), m0plus_input_sums(layer), (pixels + 1) * sizeof(uint16_t));
    }
}

bool m0plus_halve(const engine_layer *layer, engine_layer *half, void *const views[2]) {
    _Static_assert(sizeof(layer_memory) <= ENGINE_VIEW_BYTES, "a view holds what is kept of a layer");
    const layer_memory *memory = m0plus_memory(layer);
    if (memory == NULL || layer->config.operation != ENGINE_LINEAR) {
        return false;
    }
    for (uint32_t h = 0; h < 2; h++) {
        const uint32_t first = h * (memory->input_count / 2);
        layer_memory *view = views[h];
        *view = *memory;
        view->inputs = memory->inputs + first;
        view->input_count = h == 0 ? memory->input_count / 2 : memory->input_count - first;
        half[h] = *layer;
        half[h].memory.kernel_memory = view;
    }
    return true;
}
