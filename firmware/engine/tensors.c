/* Tensors in and out: canonical edge order outside, the layouts of layer.h inside. */
#include "arithmetic.h"
#include "operations/operations.h"
#include "passes.h"

#include <string.h>

#define BIAS_BYTES ((uint32_t)sizeof(int16_t))

uint32_t engine_tensor_bytes(const engine *self, engine_tensor tensor) {
    return tensor == ENGINE_BIASES ? self->bias_count * BIAS_BYTES : self->edge_count;
}

static bool in_range(const engine *self, engine_tensor tensor, uint32_t offset, uint32_t length) {
    const uint32_t bytes = engine_tensor_bytes(self, tensor);
    const bool whole = tensor != ENGINE_BIASES || (offset % BIAS_BYTES == 0 && length % BIAS_BYTES == 0);
    return whole && offset <= bytes && length <= bytes - offset;
}

static int16_t bias_at(const uint8_t *data) {
    return (int16_t)(data[0] | data[1] << 8);
}

static bool valid_values(engine_tensor tensor, const uint8_t *data, uint32_t length) {
    if (tensor == ENGINE_BIASES) {
        for (uint32_t i = 0; i < length; i += BIAS_BYTES) {
            if (bias_at(data + i) < -ENGINE_BIAS_LIMIT) {
                return false;
            }
        }
        return true;
    }
    for (uint32_t i = 0; i < length; i++) {
        if (tensor == ENGINE_SCORED ? data[i] > 1 : data[i] == 0x80) {
            return false;
        }
    }
    return true;
}

/* Finds the layer of an edge of the network, at or above layer `l`. */
static engine_layer *layer_of_edge(const engine *self, engine_layer *layer, uint32_t edge) {
    if (layer == NULL || edge < layer->shape.first_edge) {
        layer = self->layers;
    }
    while (edge >= layer->shape.first_edge + layer->shape.edges) {
        layer++;
    }
    return layer;
}

/* Finds a bias of the network. */
static int16_t *bias_of(const engine *self, uint32_t bias) {
    const engine_layer *layer = self->layers;
    while (layer->memory.biases == NULL || bias >= layer->shape.first_bias + layer->config.out_channels) {
        layer++;
    }
    return layer->memory.biases + (bias - layer->shape.first_bias);
}

engine_status engine_write_tensor(engine *self, engine_tensor tensor, uint32_t offset, const uint8_t *data,
                                  uint32_t length) {
    if (!self->open) {
        return ENGINE_WRONG_ORDER;
    }
    if (!in_range(self, tensor, offset, length) || !valid_values(tensor, data, length)) {
        return ENGINE_OUT_OF_RANGE;
    }
    if (tensor == ENGINE_BIASES) {
        for (uint32_t i = 0; i < length; i += BIAS_BYTES) {
            *bias_of(self, (offset + i) / BIAS_BYTES) = bias_at(data + i);
        }
        return ENGINE_OK;
    }
    engine_layer *layer = NULL;
    for (uint32_t i = 0; i < length; i++) {
        layer = layer_of_edge(self, layer, offset + i);
        const uint32_t edge = layer->operation->edge_index(layer, offset + i - layer->shape.first_edge);
        const int8_t value = (int8_t)data[i];
        self->method->set(layer, tensor, edge, value);
        if (tensor == ENGINE_WEIGHTS && absolute(value) > layer->step.largest_weight) {
            layer->step.largest_weight = absolute(value);
        }
    }
    self->effective_stale = true;
    return ENGINE_OK;
}

engine_status engine_read_tensor(const engine *self, engine_tensor tensor, uint32_t offset, uint8_t *data,
                                 uint32_t length) {
    if (!self->open) {
        return ENGINE_WRONG_ORDER;
    }
    if (!in_range(self, tensor, offset, length)) {
        return ENGINE_OUT_OF_RANGE;
    }
    if (tensor == ENGINE_BIASES) {
        for (uint32_t i = 0; i < length; i += BIAS_BYTES) {
            const uint16_t bias = (uint16_t)*bias_of(self, (offset + i) / BIAS_BYTES);
            data[i] = (uint8_t)bias;
            data[i + 1] = (uint8_t)(bias >> 8);
        }
        return ENGINE_OK;
    }
    engine_layer *layer = NULL;
    for (uint32_t i = 0; i < length; i++) {
        layer = layer_of_edge(self, layer, offset + i);
        const uint32_t edge = layer->operation->edge_index(layer, offset + i - layer->shape.first_edge);
        data[i] = (uint8_t)self->method->get(layer, tensor, edge);
    }
    return ENGINE_OK;
}

engine_status engine_commit_tensor(engine *self, engine_tensor tensor) {
    if (!self->open) {
        return ENGINE_WRONG_ORDER;
    }
    if (tensor == ENGINE_SCORED && self->method->scored_done != NULL) {
        for (uint32_t l = 0; l < self->layer_count; l++) {
            if (!self->method->scored_done(&self->layers[l])) {
                return ENGINE_OUT_OF_RANGE;
            }
        }
    }
    if (tensor == ENGINE_WEIGHTS && self->staged != NULL) {
        return ENGINE_WRONG_ORDER; /* planned for flash, and not there yet */
    }
    for (uint32_t l = 0; tensor == ENGINE_WEIGHTS && self->method->weights_done != NULL && l < self->layer_count; l++) {
        self->method->weights_done(&self->layers[l]);
    }
    return ENGINE_OK;
}

const int8_t *engine_staged_weights(const engine *self, uint32_t *length) {
    *length = self->plan.flash_bytes;
    return self->staged;
}

void engine_use_flash_weights(engine *self, const int8_t *weights) {
    memset(self->staged, 0, self->plan.flash_bytes); /* other arrays' place: they begin as zeros */
    self->staged = NULL;
    for (uint32_t l = 0; l < self->layer_count; l++) {
        engine_layer *layer = &self->layers[l];
        if (layer->memory.weights_in_flash) {
            layer->memory.weights_sram = NULL;
            layer->memory.weights = weights;
            weights += layer->shape.edges;
        }
    }
}

void engine_refresh(engine *self, bool frozen) {
    if (!self->effective_stale && self->effective_frozen == frozen) {
        return;
    }
    for (uint32_t l = 0; l < self->layer_count; l++) {
        engine_layer *layer = &self->layers[l];
        layer->step.negligible = self->method->negligible(layer->config.update_shift, layer->step.largest_weight);
        if (layer->memory.effective_kept) {
            self->method->refresh(layer, frozen);
            layer->step.changed_channels = UINT32_MAX;
        }
    }
    self->effective_stale = false;
    self->effective_frozen = frozen;
}
