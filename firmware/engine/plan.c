#include "plan.h"

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

static void lay_out_method(engine *self, allocator *from, engine_memory_plan *plan) {
    /* Frozen weights and, for the staging of flash weights, the state lie in one piece over all layers. */
    engine_layer_bytes bytes[ENGINE_MAX_LAYERS];
    for (uint32_t l = 0; l < self->layer_count; l++) {
        bytes[l] = self->method->layer_bytes(&self->layers[l]);
    }
    if (self->method->frozen_weights && !plan->weights_in_flash) {
        int8_t *weights = take(from, self->edge_count, &plan->weights_bytes);
        for (uint32_t l = 0; weights != NULL && l < self->layer_count; l++) {
            self->layers[l].weights = self->layers[l].weights_sram = weights + self->layers[l].first_edge;
        }
    }
    if (self->method->frozen_weights) {
        int8_t *state = take(from, self->edge_count, &plan->state_bytes);
        for (uint32_t l = 0; state != NULL && l < self->layer_count; l++) {
            self->layers[l].state = state + self->layers[l].first_edge;
            if (plan->weights_in_flash) {
                self->layers[l].weights_sram = self->layers[l].state; /* staged there until they are in flash */
            }
        }
    }
    for (uint32_t l = 0; l < self->layer_count; l++) {
        engine_layer *layer = &self->layers[l];
        layer->effective = take(from, bytes[l].effective, &plan->weights_bytes);
        if (!self->method->frozen_weights) {
            layer->state = take(from, bytes[l].state, &plan->state_bytes);
        }
        if (from->base != NULL && self->method->place != NULL) {
            self->method->place(layer);
        }
    }
}

static void lay_out_kernels(engine *self, allocator *from, engine_memory_plan *plan) {
    const engine_kernel_table *kernels = self->kernels;
    uint32_t scratch = 0;
    for (uint32_t l = 0; l < self->layer_count; l++) {
        engine_layer *layer = &self->layers[l];
        layer->kernel_memory = take(from, kernels->memory_bytes(layer), &plan->other_bytes);
        scratch = larger(scratch, kernels->scratch_bytes(layer));
    }
    void *shared = take(from, scratch, &plan->other_bytes);
    for (uint32_t l = 0; l < self->layer_count; l++) {
        self->layers[l].kernel_scratch = shared;
    }
}

static void lay_out(engine *self, allocator *from, engine_memory_plan *plan) {
    lay_out_method(self, from, plan);
    uint32_t channel_weights = 0, sparse = 0, row = 0;
    for (uint32_t l = 0; l < self->layer_count; l++) {
        engine_layer *layer = &self->layers[l];
        const uint32_t outputs = layer->config.out_channels;
        if (l + 1 < self->layer_count) {
            layer->output = take(from, layer->out_count, &plan->activation_bytes);
            self->layers[l + 1].input = layer->output;
        }
        if (layer->config.pool) {
            layer->positions = take(from, layer->out_count, &plan->activation_bytes);
        }
        layer->delta = take(from, layer->out_count, &plan->error_bytes);
        if (layer->config.operation == ENGINE_LINEAR) {
            sparse = larger(sparse, outputs);
            row = larger(row, layer->effective_kept ? 0 : outputs);
        } else if (l > 0) {
            channel_weights = larger(channel_weights, layer->fan_in);
        }
    }
    self->scratch = take(from, scratch_elements(self) * (uint32_t)sizeof(int32_t), &plan->other_bytes);
    self->sparse = take(from, sparse * (uint32_t)sizeof(engine_sparse_delta), &plan->other_bytes);
    self->channel_weights = take(from, channel_weights, &plan->other_bytes);
    int8_t *shared_row = take(from, row, &plan->other_bytes);
    for (uint32_t l = 0; l < self->layer_count; l++) {
        self->layers[l].row = shared_row;
    }
    if (plan->fast_kernels) {
        lay_out_kernels(self, from, plan);
    }
}

/* Convolutions always keep their effective weights: they are small, and used many times an image. */
static void choose(engine *self, engine_memory_plan choice) {
    self->plan = choice;
    self->plan.flash_bytes = choice.weights_in_flash ? self->edge_count : 0;
    for (uint32_t l = 0; l < self->layer_count; l++) {
        engine_layer *layer = &self->layers[l];
        layer->effective_kept = choice.effective_weights_kept || layer->config.operation == ENGINE_CONV2D;
        layer->kernel_memory = layer->kernel_scratch = NULL;
    }
}

engine_status engine_plan_memory(engine *self, const engine_limits *limits, void *arena) {
    const bool flash_fits = self->method->frozen_weights && self->edge_count <= limits->weights_flash_bytes;
    const bool maskable = self->method->effective_row != NULL;
    const bool fast = self->kernels->memory_bytes != NULL;
    /* From fast to small: the kernels' lists and widened weights save most, then kept effective weights; the frozen
     * ones in SRAM save least, since only updates read them. */
    static const engine_memory_plan choices[] = {
        {.fast_kernels = true, .effective_weights_kept = true},
        {.fast_kernels = true, .effective_weights_kept = true, .weights_in_flash = true},
        {.fast_kernels = true},
        {.fast_kernels = true, .weights_in_flash = true},
        {.effective_weights_kept = true},
        {.effective_weights_kept = true, .weights_in_flash = true},
        {.weights_in_flash = false},
        {.weights_in_flash = true},
    };
    engine_memory_plan smallest = {.required_bytes = UINT32_MAX};
    for (size_t i = 0; i < sizeof choices / sizeof *choices; i++) {
        if ((choices[i].weights_in_flash && !flash_fits) || (!choices[i].effective_weights_kept && !maskable) ||
            (choices[i].fast_kernels && !fast)) {
            continue;
        }
        choose(self, choices[i]);
        allocator count = {.base = NULL, .used = 0};
        lay_out(self, &count, &self->plan);
        self->plan.required_bytes = count.used;
        if (count.used < smallest.required_bytes) {
            smallest = self->plan;
        }
        if (count.used <= limits->arena_bytes) {
            choose(self, choices[i]);
            allocator from = {.base = arena, .used = 0};
            lay_out(self, &from, &self->plan);
            self->plan.required_bytes = from.used;
            return ENGINE_OK;
        }
    }
    self->plan = smallest;
    return ENGINE_OUT_OF_MEMORY;
}
