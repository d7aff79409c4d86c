/* FNV-1a 32 over the tensors of the step just made (docs/arithmetic.md, "Conformance cases"): conformance only. */
#include "operations/operations.h"

static uint32_t add_byte(uint32_t hash, uint8_t byte) {
    return (hash ^ byte) * 16777619u;
}

static uint32_t checksum_bytes(const int8_t *bytes, uint32_t count) {
    uint32_t hash = 2166136261u;
    for (uint32_t i = 0; i < count; i++) {
        hash = add_byte(hash, bytes == NULL ? 0 : (uint8_t)bytes[i]);
    }
    return hash;
}

static uint32_t checksum_state(const engine *self, const engine_layer *layer) {
    uint32_t hash = 2166136261u;
    for (uint32_t canonical = 0; canonical < layer->shape.edges; canonical++) {
        const int8_t value = self->method->get(layer, ENGINE_STATE, layer->operation->edge_index(layer, canonical));
        hash = add_byte(hash, (uint8_t)value);
    }
    return hash;
}

void engine_step_detail(const engine *self, int32_t *logits, int8_t *loss_gradient) {
    const engine_layer *last = engine_last_layer(self);
    for (uint32_t o = 0; o < last->config.out_channels; o++) {
        logits[o] = self->logits[o];
        loss_gradient[o] = last->memory.delta[o];
    }
}

engine_layer_checksums engine_layer_checksum(const engine *self, uint32_t l) {
    const engine_layer *layer = &self->layers[l];
    return (engine_layer_checksums){
        .input = checksum_bytes(layer->step.input, layer->shape.in_count),
        /* without a backward pass the deltas are zero, whatever the last pass left there */
        .delta = checksum_bytes(self->loss_zero ? NULL : layer->memory.delta, layer->shape.out_count),
        .state = checksum_state(self, layer),
    };
}
