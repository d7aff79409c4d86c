/* The arena, from its start: the layers themselves; then what tensors are written to before the weights are complete
 * (indices of scored edges, biases, weights that stay in SRAM); then everything that is written later. In the place of
 * this last part weights on their way to flash wait, layer by layer, and before them the flags of their scored edges.
 * Accumulators, error accumulators and gradients take turns in one
 * buffer, as do the kernels' lists of all layers' passes. */
#include "layout.h"

#include "arithmetic.h"
#include "kernels/kernels.h"
#include "operations/operations.h"

#include <string.h>

/* Fuzzing leaves a gap behind every array and marks it as out of bounds (firmware/fuzz/fence.h). */
#ifndef ENGINE_FENCE_BYTES
#define ENGINE_FENCE_BYTES 0u
#define ENGINE_FENCE(array, bytes, end) (void)0
#endif

/* Hands out an arena from its start; without one it only counts. */
typedef struct {
    uint8_t *base; /* NULL: count only */
    uint64_t used;
} allocator;

/* Takes an array of zeros. */
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

void engine_clear_fences(const engine_arena *arena) {
    uint8_t *start = arena->base;
    ENGINE_FENCE(start, arena->bytes, start + arena->bytes);
    (void)start;
}

static void take_layers(const engine *self, allocator *from, uint32_t *purpose) {
    const uint32_t bytes = (self->layer_count * (uint32_t)sizeof(engine_layer) + 7u) & ~7u;
    from->used += bytes; /* they are there already */
    *purpose += bytes;
}

/* Takes the weights of the layers whose weights are in flash, or are not. */
static void take_weights(engine *self, allocator *from, bool in_flash) {
    engine_memory_plan *plan = &self->plan;
    for (uint32_t l = 0; l < self->layer_count; l++) {
        engine_layer_memory *memory = &self->layers[l].memory;
        if (memory->weights_in_flash != in_flash) {
            continue;
        }
        const engine_layer_bytes bytes = self->method->layer_bytes(&self->layers[l]);
        if (!in_flash) {
            memory->weights = memory->weights_sram = take(from, bytes.weights, &plan->weights_bytes);
        }
        memory->effective = take(from, bytes.effective, &plan->weights_bytes);
    }
}

static void take_states(engine *self, allocator *from) {
    for (uint32_t l = 0; l < self->layer_count; l++) {
        engine_layer *layer = &self->layers[l];
        layer->memory.state = take(from, self->method->layer_bytes(layer).state, &self->plan.state_bytes);
    }
}

static void take_indices(engine *self, allocator *from) {
    for (uint32_t l = 0; l < self->layer_count; l++) {
        engine_layer *layer = &self->layers[l];
        layer->memory.index = take(from, self->method->layer_bytes(layer).index, &self->plan.state_bytes);
    }
}

static void take_biases(engine *self, allocator *from) {
    uint32_t most = 0;
    for (uint32_t l = 0; l < self->layer_count; l++) {
        engine_layer *layer = &self->layers[l];
        const uint32_t count = layer->config.bias ? layer->config.out_channels : 0;
        if (count > 0) {
            layer->memory.biases = take(from, count * (uint32_t)sizeof(int16_t), &self->plan.weights_bytes);
        }
        most = larger_of(most, count);
    }
    if (most > 0) {
        self->biases = take(from, most * (uint32_t)sizeof(int32_t), &self->plan.other_bytes);
    }
}

static void take_activations_and_errors(engine *self, allocator *from) {
    engine_memory_plan *plan = &self->plan;
    for (uint32_t l = 0; l < self->layer_count; l++) {
        engine_layer *layer = &self->layers[l];
        if (l + 1 < self->layer_count) {
            layer->memory.output = take(from, layer->shape.out_count, &plan->activation_bytes);
            layer[1].step.input = layer->memory.output;
        }
        if (layer->config.pool) {
            layer->memory.positions = take(from, layer->shape.out_count, &plan->activation_bytes);
        }
        layer->memory.delta = take(from, layer->shape.out_count, &plan->error_bytes);
    }
}

/* Takes the buffers that layers take turns in: forward accumulators, error accumulators and gradients in one of int32.
 */
static void take_scratch(engine *self, allocator *from) {
    uint32_t *other = &self->plan.other_bytes;
    engine_scratch most = {0};
    for (uint32_t l = 0; l < self->layer_count; l++) {
        const engine_layer *layer = &self->layers[l];
        const engine_scratch wanted = layer->operation->scratch(layer, self->method->dynamic_shifts);
        most.sums = larger_of(most.sums, wanted.sums);
        most.channel_weights = larger_of(most.channel_weights, wanted.channel_weights);
        most.deltas = larger_of(most.deltas, wanted.deltas);
        most.row = larger_of(most.row, wanted.row);
    }
    self->scratch = take(from, most.sums * (uint32_t)sizeof(int32_t), other);
    self->sparse = take(from, most.deltas * (uint32_t)sizeof(engine_sparse_delta), other);
    self->channel_weights = take(from, most.channel_weights, other);
    int8_t *row = take(from, most.row, other);
    for (uint32_t l = 0; l < self->layer_count; l++) {
        self->layers[l].memory.row = row;
    }
}

/* Takes what the second core needs for itself. */
static void take_second(engine *self, allocator *from) {
    const engine_kernel_table *kernels = self->kernels;
    uint32_t sums = 0, scratch = 0;
    for (uint32_t l = 0; l < self->layer_count; l++) {
        const engine_layer *layer = &self->layers[l];
        sums = larger_of(sums, layer->operation->scratch(layer, self->method->dynamic_shifts).second_sums);
        scratch = larger_of(scratch, self->plan.fast_kernels ? kernels->scratch_bytes(layer) : 0);
    }
    uint32_t *purpose = &self->plan.second_bytes;
    engine_second_memory *second = &self->second;
    second->sums = take(from, sums * (uint32_t)sizeof(int32_t), purpose);
    second->kernel_scratch = take(from, scratch, purpose);
    second->views[0] = take(from, ENGINE_VIEW_BYTES, purpose);
    second->views[1] = take(from, ENGINE_VIEW_BYTES, purpose);
    second->stack = take(from, ENGINE_SECOND_STACK_BYTES, purpose);
    self->plan.other_bytes += *purpose;
}

static void take_kernel_memory(engine *self, allocator *from) {
    const engine_kernel_table *kernels = self->kernels;
    uint32_t scratch = 0;
    for (uint32_t l = 0; l < self->layer_count; l++) {
        engine_layer *layer = &self->layers[l];
        layer->memory.kernel_memory = take(from, kernels->memory_bytes(layer), &self->plan.other_bytes);
        scratch = larger_of(scratch, kernels->scratch_bytes(layer));
    }
    void *shared = take(from, scratch, &self->plan.other_bytes);
    for (uint32_t l = 0; l < self->layer_count; l++) {
        self->layers[l].memory.kernel_scratch = shared;
        self->layers[l].memory.reader_memory =
            l + 1 < self->layer_count ? self->layers[l + 1].memory.kernel_memory : NULL;
    }
}

uint32_t engine_flash_bytes(const engine_layer *layer) {
    return (layer->shape.edges + ENGINE_FLASH_SECTOR_BYTES - 1u) / ENGINE_FLASH_SECTOR_BYTES *
           ENGINE_FLASH_SECTOR_BYTES;
}

/* Takes the place where weights wait for flash, one layer's at a time, and before them the flags of all their layers.
 */
static void take_staging(engine *self, allocator *from) {
    uint32_t weights = 0, flags = 0, purpose = 0;
    for (uint32_t l = 0; l < self->layer_count; l++) {
        const engine_layer *layer = &self->layers[l];
        if (layer->memory.weights_in_flash) {
            weights = larger_of(weights, layer->shape.edges);
            flags += self->method->layer_bytes(layer).flags;
        }
    }
    self->staged_bytes = larger_of(weights, flags);
    self->staged = take(from, self->staged_bytes, &purpose);
    uint8_t *place = (uint8_t *)self->staged;
    for (uint32_t l = 0; place != NULL && l < self->layer_count; l++) {
        engine_layer *layer = &self->layers[l];
        if (layer->memory.weights_in_flash) {
            layer->memory.flags = place;
            place += self->method->layer_bytes(layer).flags;
        }
    }
}

void engine_lay_out(engine *self, bool place) {
    engine_memory_plan *plan = &self->plan;
    allocator from = {.base = place ? self->arena.base : NULL, .used = 0};
    take_layers(self, &from, &plan->other_bytes);
    take_indices(self, &from);
    take_biases(self, &from);
    take_weights(self, &from, false);
    allocator staging = from;
    take_weights(self, &from, true);
    take_states(self, &from);
    take_activations_and_errors(self, &from);
    take_scratch(self, &from);
    if (plan->fast_kernels) {
        take_kernel_memory(self, &from);
    }
    if (plan->cores == 2) {
        take_second(self, &from);
    }
#if ENGINE_FENCE_BYTES
    staging = from; /* arrays that share a place could not be fenced */
#endif
    take_staging(self, &staging);
    if (staging.used > from.used) {
        plan->weights_bytes += (uint32_t)(staging.used - from.used);
        from.used = staging.used;
    }
    plan->required_bytes = from.used < UINT32_MAX ? (uint32_t)from.used : UINT32_MAX;
    for (uint32_t l = 0; place && self->method->set_pointers != NULL && l < self->layer_count; l++) {
        self->method->set_pointers(&self->layers[l]);
    }
}
