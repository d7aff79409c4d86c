/* FNV-1a 32 over the tensors of the step just made (docs/arithmetic.md, "vectors"): conformance only. */
#include "engine_internal.h"

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
    for (uint32_t canonical = 0; canonical < layer->edges; canonical++) {
        const int8_t value = self->method->get(layer, ENGINE_STATE, engine_edge_index(layer, canonical));
        hash = add_byte(hash, (uint8_t)value);
    }
    return hash;
}

void engine_step_detail(const engine *self, int32_t *logits, int8_t *loss_gradient, engine_layer_checksums *checksums) {
    const engine_layer *last = &self->layers[self->layer_count - 1];
    for (uint32_t o = 0; o < last->config.out_channels; o++) {
        logits[o] = self->logits[o];
        loss_gradient[o] = last->delta[o];
    }
    for (uint32_t l = 0; l < self->layer_count; l++) {
        const engine_layer *layer = &self->layers[l];
        checksums[l] = (engine_layer_checksums){
            .input = checksum_bytes(layer->input, layer->in_count),
            /* without a backward pass the deltas are zero, whatever the last pass left there */
            .delta = checksum_bytes(self->loss_zero ? NULL : layer->delta, layer->out_count),
            .state = checksum_state(self, layer),
        };
    }
}
