/* The arena, from its start: first what tensors are written to before the weights are complete (indices of scored
 * edges, weights that stay in SRAM), then everything that is written later. Weights on their way to flash wait in the
 * place of the second part. Accumulators, error accumulators and gradients take turns in one buffer, as do the kernels'
 * lists of all layers' passes. */
#include "layout.h"

#include "kernels/kernels.h"

#include <string.h>

/* Fuzzing leaves a gap behind every array and marks it as out of bounds (firmware/fuzz/fence.h). */
#ifndef ENGINE_FENCE_BYTES
#define ENGINE_FENCE_BYTES 0u
#define ENGINE_FENCE(array, bytes, end) (void)0
#endif

/* Hands out an arena from its start; without one it only counts. */
typedef struct {
    uint8_t *base; /* NULL: count only */
    uint32_t used;
} allocator;

/* An array of zeros. */
static void *take(allocator *from, uint32_t bytes, uint32_t *purpose) {
    void *place = NULL;
    const uint32_t rounded = ((bytes + 7u) & ~7u) + ENGINE_FENCE_BYTES;
    if (from->base != NULL) {
        uint8_t *start = from->base + from->used;
        ENGINE_FENCE(start, bytes, start + rounded);
        place = bytes == 0 ? NULL : memset(start, 0, bytes);
    }
    from->used += rounded;
    *purpose += rounded;
    return place;
}

static uint32_t larger(uint32_t a, uint32_t b) {
    return a > b ? a : b;
}

/* Takes memory for the weights of the layers whose weights are in flash, or are not. */
static void take_weights(engine *self, allocator *from, bool in_flash) {
    engine_memory_plan *plan = &self->plan;
    for (uint32_t l = 0; l < self->layer_count; l++) {
        engine_layer *layer = &self->layers[l];
        if (layer->weights_in_flash != in_flash) {
            continue;
        }
        const engine_layer_bytes bytes = self->method->layer_bytes(layer);
        if (!in_flash) {
            layer->weights = layer->weights_sram = take(from, bytes.weights, &plan->weights_bytes);
        }
        layer->effective = take(from, bytes.effective, &plan->weights_bytes);
    }
}

static void take_states(engine *self, allocator *from) {
    for (uint32_t l = 0; l < self->layer_count; l++) {
        engine_layer *layer = &self->layers[l];
        layer->state = take(from, self->method->layer_bytes(layer).state, &self->plan.state_bytes);
    }
}

static void take_indices(engine *self, allocator *from) {
    for (uint32_t l = 0; l < self->layer_count; l++) {
        engine_layer *layer = &self->layers[l];
        layer->index = take(from, self->method->layer_bytes(layer).index, &self->plan.state_bytes);
    }
}

static void take_activations_and_errors(engine *self, allocator *from) {
    engine_memory_plan *plan = &self->plan;
    for (uint32_t l = 0; l < self->layer_count; l++) {
        engine_layer *layer = &self->layers[l];
        if (l + 1 < self->layer_count) {
            layer->output = take(from, layer->out_count, &plan->activation_bytes);
            self->layers[l + 1].input = layer->output;
        }
        if (layer->config.pool) {
            layer->positions = take(from, layer->out_count, &plan->activation_bytes);
        }
        layer->delta = take(from, layer->out_count, &plan->error_bytes);
    }
}

/* Elements of the one int32 buffer that forward accumulators, error accumulators and gradients take turns in. */
static uint32_t scratch_elements(const engine *self) {
    const bool dynamic = self->method->dynamic_shifts;
    uint32_t elements = 0;
    for (uint32_t l = 0; l < self->layer_count; l++) {
        const engine_layer *layer = &self->layers[l];
        const uint32_t row = layer->conv_width * layer->config.out_channels;
        const bool linear = layer->config.operation == ENGINE_LINEAR;
        const uint32_t rows = dynamic ? layer->conv_height : layer->config.pool ? 2 : 1;
        elements = larger(elements, row * rows);
        if (l > 0 && (!linear || dynamic)) {
            elements = larger(elements, layer->in_count);
        }
        if (!linear) {
            elements = larger(elements, dynamic ? layer->edges : layer->fan_in);
        }
    }
    return elements;
}

static void take_scratch(engine *self, allocator *from) {
    uint32_t *other = &self->plan.other_bytes;
    uint32_t channel_weights = 0, sparse = 0, row = 0;
    for (uint32_t l = 0; l < self->layer_count; l++) {
        const engine_layer *layer = &self->layers[l];
        const uint32_t outputs = layer->config.out_channels;
        if (layer->config.operation == ENGINE_LINEAR) {
            sparse = larger(sparse, outputs);
            row = larger(row, layer->effective_kept ? 0 : outputs);
        } else if (l > 0) {
            channel_weights = larger(channel_weights, layer->fan_in);
        }
    }
    self->scratch = take(from, scratch_elements(self) * (uint32_t)sizeof(int32_t), other);
    self->sparse = take(from, sparse * (uint32_t)sizeof(engine_sparse_delta), other);
    self->channel_weights = take(from, channel_weights, other);
    int8_t *shared_row = take(from, row, other);
    for (uint32_t l = 0; l < self->layer_count; l++) {
        self->layers[l].row = shared_row;
    }
}

static void take_kernel_memory(engine *self, allocator *from) {
    const engine_kernel_table *kernels = self->kernels;
    uint32_t scratch = 0;
    for (uint32_t l = 0; l < self->layer_count; l++) {
        engine_layer *layer = &self->layers[l];
        layer->kernel_memory = take(from, kernels->memory_bytes(layer), &self->plan.other_bytes);
        scratch = larger(scratch, kernels->scratch_bytes(layer));
    }
    void *shared = take(from, scratch, &self->plan.other_bytes);
    for (uint32_t l = 0; l < self->layer_count; l++) {
        self->layers[l].kernel_scratch = shared;
    }
}

/* The weights that wait for flash, in one piece. */
static void place_staged_weights(engine *self, int8_t *staged) {
    self->staged = staged;
    for (uint32_t l = 0; staged != NULL && l < self->layer_count; l++) {
        engine_layer *layer = &self->layers[l];
        if (layer->weights_in_flash) {
            layer->weights_sram = staged;
            staged += layer->edges;
        }
    }
}

void engine_lay_out(engine *self, void *arena) {
    engine_memory_plan *plan = &self->plan;
    allocator from = {.base = arena, .used = 0};
    take_indices(self, &from);
    take_weights(self, &from, false);
    const uint32_t flash = plan->flash_bytes;
    allocator staging = from;
    take_weights(self, &from, true);
    take_states(self, &from);
    take_activations_and_errors(self, &from);
    take_scratch(self, &from);
    if (plan->fast_kernels) {
        take_kernel_memory(self, &from);
    }
#if ENGINE_FENCE_BYTES
    staging = from; /* arrays that share a place could not be fenced */
#endif
    uint32_t staging_bytes = 0;
    place_staged_weights(self, take(&staging, flash, &staging_bytes));
    if (staging.used > from.used) {
        plan->weights_bytes += staging.used - from.used;
        from.used = staging.used;
    }
    plan->required_bytes = from.used;
    for (uint32_t l = 0; arena != NULL && self->method->place != NULL && l < self->layer_count; l++) {
        self->method->place(&self->layers[l]);
    }
}
