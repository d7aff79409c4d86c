/* Tensors in and out: canonical edge order outside, the layouts of layer.h inside. */
#include "arithmetic.h"
#include "layout.h"
#include "operations/operations.h"
#include "passes.h"

#include <string.h>

#define BIAS_BYTES ((uint32_t)sizeof(int16_t))

uint32_t engine_tensor_bytes(const engine *self, engine_tensor tensor) {
    switch (tensor) {
    case ENGINE_BIASES:
        return self->bias_count * BIAS_BYTES;
    case ENGINE_STATE:
        return self->state_count;
    default:
        return self->edge_count;
    }
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

/* ---- weights on their way to flash --------------------------------------------------------------------------------
 */

static uint32_t flash_offset(const engine *self, const engine_layer *layer) {
    uint32_t offset = 0;
    for (const engine_layer *before = self->layers; before < layer; before++) {
        offset += before->memory.weights_in_flash ? engine_flash_bytes(before) : 0;
    }
    return offset;
}

static engine_status program_staged(engine *self) {
    engine_layer *layer = self->staged_layer;
    if (layer == NULL) {
        return ENGINE_OK;
    }
    layer->memory.weights =
        self->flash.program(self->flash.context, flash_offset(self, layer), self->staged, layer->shape.edges);
    if (layer->memory.weights == NULL) {
        return ENGINE_FLASH_FAILED;
    }
    layer->memory.weights_sram = NULL;
    self->staged_layer = NULL;
    return ENGINE_OK;
}

/* Gives the place to the layer's weights, as zeros. */
static engine_status stage(engine *self, engine_layer *layer) {
    const engine_status status = program_staged(self);
    if (status == ENGINE_OK) {
        memset(self->staged, 0, layer->shape.edges);
        layer->memory.weights_sram = self->staged;
        self->staged_layer = layer;
    }
    return status;
}

/* Programs all weights planned for flash that are not there yet. */
static engine_status complete_flash(engine *self) {
    engine_status status = ENGINE_OK;
    for (uint32_t l = 0; l < self->layer_count && status == ENGINE_OK; l++) {
        engine_layer *layer = &self->layers[l];
        const engine_layer_memory *memory = &layer->memory;
        if (memory->weights_in_flash && memory->weights == NULL && layer != self->staged_layer) {
            status = stage(self, layer);
        }
    }
    if (status == ENGINE_OK) {
        status = program_staged(self);
    }
    if (status == ENGINE_OK && self->staged != NULL) {
        memset(self->staged, 0, self->staged_bytes); /* other arrays' place: they begin as zeros */
    }
    return status;
}

/* ---- writing -------------------------------------------------------------------------------------------------------
 */

static void write_biases(const engine *self, uint32_t first, const uint8_t *data, uint32_t length) {
    for (uint32_t i = 0; i < length; i += BIAS_BYTES) {
        *bias_of(self, first + i / BIAS_BYTES) = bias_at(data + i);
    }
}

/* Writes elements of one layer, whose edges are [first, first + count) there, in canonical order. */
static engine_status write_layer(engine *self, engine_layer *layer, engine_tensor tensor, uint32_t first,
                                 const uint8_t *data, uint32_t count) {
    if (tensor == ENGINE_WEIGHTS && layer->memory.weights_in_flash && layer != self->staged_layer) {
        if (layer->memory.weights != NULL) {
            return ENGINE_OK; /* the same bytes once more */
        }
        const engine_status status = stage(self, layer);
        if (status != ENGINE_OK) {
            return status;
        }
    }
    for (uint32_t i = 0; i < count; i++) {
        const int8_t value = (int8_t)data[i];
        self->method->set(layer, tensor, layer->operation->edge_index(layer, first + i), value);
        if (tensor == ENGINE_WEIGHTS && absolute(value) > layer->step.largest_weight) {
            layer->step.largest_weight = absolute(value);
        }
    }
    return ENGINE_OK;
}

static engine_status write_edges(engine *self, engine_tensor tensor, uint32_t offset, const uint8_t *data,
                                 uint32_t length) {
    engine_layer *layer = NULL;
    for (uint32_t at = 0, count; at < length; at += count) {
        layer = layer_of_edge(self, layer, offset + at);
        const uint32_t first = offset + at - layer->shape.first_edge, room = layer->shape.edges - first;
        count = length - at < room ? length - at : room;
        const engine_status status = write_layer(self, layer, tensor, first, data + at, count);
        if (status != ENGINE_OK) {
            return status;
        }
    }
    return ENGINE_OK;
}

/* ---- the learned state, where only some edges have one -------------------------------------------------------------
 */

/* Tells whether elements of the tensor are those of the scored edges alone. */
static bool of_scored_edges(const engine *self, engine_tensor tensor) {
    return tensor == ENGINE_STATE && self->method->max_scored_edges > 0;
}

/* The next scored edge, in canonical order, from the cursor on; the cursor moves past it. There must be one. */
static uint32_t next_scored(engine *self, engine_layer **layer) {
    for (;;) {
        const uint32_t edge = self->cursor.edge++;
        *layer = layer_of_edge(self, *layer, edge);
        const uint32_t index = (*layer)->operation->edge_index(*layer, edge - (*layer)->shape.first_edge);
        if (self->method->get(*layer, ENGINE_SCORED, index) != 0) {
            self->cursor.element++;
            return index;
        }
    }
}

/* Moves the cursor to an element; from where it is, or from the beginning of the element's layer. */
static void seek(engine *self, uint32_t element, engine_layer **layer) {
    const engine_layer *of = self->layers;
    uint32_t first = 0;
    while (element - first >= of->config.scored_edges && of < engine_last_layer(self)) {
        first += of++->config.scored_edges;
    }
    if (self->cursor.element > element || self->cursor.element < first) {
        self->cursor = (engine_state_cursor){.element = first, .edge = of->shape.first_edge};
    }
    while (self->cursor.element < element) {
        (void)next_scored(self, layer);
    }
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
        write_biases(self, offset / BIAS_BYTES, data, length);
        return ENGINE_OK;
    }
    self->effective_stale = true;
    if (!of_scored_edges(self, tensor)) {
        return write_edges(self, tensor, offset, data, length);
    }
    engine_layer *layer = NULL;
    seek(self, offset, &layer);
    for (uint32_t i = 0; i < length; i++) {
        const uint32_t edge = next_scored(self, &layer);
        self->method->set(layer, tensor, edge, (int8_t)data[i]);
    }
    return ENGINE_OK;
}

/* ---- reading -------------------------------------------------------------------------------------------------------
 */

static void read_biases(const engine *self, uint32_t first, uint8_t *data, uint32_t length) {
    for (uint32_t i = 0; i < length; i += BIAS_BYTES) {
        const uint16_t bias = (uint16_t)*bias_of(self, first + i / BIAS_BYTES);
        data[i] = (uint8_t)bias;
        data[i + 1] = (uint8_t)(bias >> 8);
    }
}

engine_status engine_read_tensor(engine *self, engine_tensor tensor, uint32_t offset, uint8_t *data, uint32_t length) {
    if (!self->open) {
        return ENGINE_WRONG_ORDER;
    }
    if (!in_range(self, tensor, offset, length)) {
        return ENGINE_OUT_OF_RANGE;
    }
    if (tensor == ENGINE_BIASES) {
        read_biases(self, offset / BIAS_BYTES, data, length);
        return ENGINE_OK;
    }
    engine_layer *layer = NULL;
    const bool scored_alone = of_scored_edges(self, tensor);
    if (scored_alone) {
        seek(self, offset, &layer);
    }
    for (uint32_t i = 0; i < length; i++) {
        uint32_t edge;
        if (scored_alone) {
            edge = next_scored(self, &layer);
        } else {
            layer = layer_of_edge(self, layer, offset + i);
            edge = layer->operation->edge_index(layer, offset + i - layer->shape.first_edge);
        }
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
    if (tensor != ENGINE_WEIGHTS) {
        return ENGINE_OK;
    }
    const engine_status status = complete_flash(self);
    for (uint32_t l = 0; status == ENGINE_OK && self->method->weights_done != NULL && l < self->layer_count; l++) {
        self->method->weights_done(&self->layers[l]);
    }
    for (uint32_t l = 0; status == ENGINE_OK && self->kernels->weights_done != NULL && l < self->layer_count; l++) {
        self->kernels->weights_done(&self->layers[l]);
    }
    return status;
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
