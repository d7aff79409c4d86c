/* Tensors in and out: canonical edge order outside, the layouts of engine_internal.h inside. */
#include "arithmetic.h"
#include "engine_internal.h"

#include <string.h>

uint32_t engine_edge_index(const engine_layer *layer, uint32_t canonical) {
    if (layer->config.operation == ENGINE_CONV2D) {
        return canonical;
    }
    const uint32_t output = canonical / layer->fan_in, input = canonical % layer->fan_in;
    return input * layer->config.out_channels + output;
}

static bool in_range(const engine *self, uint32_t offset, uint32_t length) {
    return offset <= self->edge_count && length <= self->edge_count - offset;
}

static bool valid_values(engine_tensor tensor, const uint8_t *data, uint32_t length) {
    for (uint32_t i = 0; i < length; i++) {
        if (tensor == ENGINE_SCORED ? data[i] > 1 : data[i] == 0x80) {
            return false;
        }
    }
    return true;
}

static uint32_t layer_of(const engine *self, uint32_t edge) {
    uint32_t l = 0;
    while (edge >= self->layers[l].first_edge + self->layers[l].edges) {
        l++;
    }
    return l;
}

engine_status engine_write_tensor(engine *self, engine_tensor tensor, uint32_t offset, const uint8_t *data,
                                  uint32_t length) {
    if (!self->open) {
        return ENGINE_WRONG_ORDER;
    }
    if (!in_range(self, offset, length) || !valid_values(tensor, data, length)) {
        return ENGINE_OUT_OF_RANGE;
    }
    for (uint32_t i = 0; i < length; i++) {
        engine_layer *layer = &self->layers[layer_of(self, offset + i)];
        const uint32_t edge = engine_edge_index(layer, offset + i - layer->first_edge);
        const int8_t value = (int8_t)data[i];
        self->method->set(layer, tensor, edge, value);
        if (tensor == ENGINE_WEIGHTS && absolute(value) > layer->largest_weight) {
            layer->largest_weight = absolute(value);
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
    if (!in_range(self, offset, length)) {
        return ENGINE_OUT_OF_RANGE;
    }
    for (uint32_t i = 0; i < length; i++) {
        const engine_layer *layer = &self->layers[layer_of(self, offset + i)];
        const uint32_t edge = engine_edge_index(layer, offset + i - layer->first_edge);
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
        if (layer->weights_in_flash) {
            layer->weights_sram = NULL;
            layer->weights = weights;
            weights += layer->edges;
        }
    }
}

void engine_refresh(engine *self, bool frozen) {
    if (!self->effective_stale && self->effective_frozen == frozen) {
        return;
    }
    for (uint32_t l = 0; l < self->layer_count; l++) {
        engine_layer *layer = &self->layers[l];
        layer->negligible = self->method->negligible(layer->config.update_shift, layer->largest_weight);
        if (layer->effective_kept) {
            self->method->refresh(layer, frozen);
            layer->changed_channels = UINT32_MAX;
        }
    }
    self->effective_stale = false;
    self->effective_frozen = frozen;
}
