/* The engine's life and its two verbs: a training step and an evaluation. */
#include "arithmetic.h"
#include "check.h"
#include "kernels/kernels.h"
#include "layout.h"
#include "passes.h"
#include "plan.h"

#include <string.h>

engine *engine_instance(void) {
    static engine instance;
    return &instance;
}

static const engine_kernel_table *choose_kernels(engine_kernels kernels) {
#ifdef __wasm_simd128__
    if (kernels == ENGINE_KERNELS_FASTEST) {
        return &engine_kernels_simd;
    }
#endif
#ifdef PRIOT_KERNELS_M0PLUS
    if (kernels == ENGINE_KERNELS_FASTEST) {
        return &engine_kernels_m0plus;
    }
#endif
    return kernels == ENGINE_KERNELS_DENSE ? &engine_kernels_dense : &engine_kernels_plain;
}

engine_status engine_begin(engine *self, const engine_config *config, const engine_arena *arena, engine_fault *fault) {
    engine_close(self);
    *fault = (engine_fault){.text = "", .layer = 0, .value = 0};
    const engine_status status = engine_check_config(config, fault);
    if (status != ENGINE_OK) {
        return status;
    }
    self->arena = *arena;
    self->config = *config;
    self->method = engine_methods[config->method];
    self->kernels = choose_kernels(config->kernels);
    self->layers = arena->base;
    engine_clear_fences(arena);
    return ENGINE_OK;
}

engine_status engine_add_layer(engine *self, const engine_layer_config *config, engine_fault *fault) {
    if (self->layer_count == ENGINE_MAX_LAYERS) {
        *fault = (engine_fault){.text = "a network has 1..32 layers", .layer = ENGINE_MAX_LAYERS + 1u, .value = 0};
        return ENGINE_BAD_NETWORK;
    }
    if ((self->layer_count + 1) * sizeof(engine_layer) > self->arena.bytes) {
        *fault = (engine_fault){.text = "the layers do not fit into the arena", .layer = 0, .value = 0};
        return ENGINE_OUT_OF_MEMORY;
    }
    engine_layer *layer = &self->layers[self->layer_count];
    memset(layer, 0, sizeof *layer);
    layer->config = *config;
    layer->kernels = self->kernels;
    layer->step.largest_weight = self->method->trains_weights ? INT8_LIMIT : 1;
    const engine_status status = engine_check_layer(self, layer, fault);
    if (status == ENGINE_OK) {
        self->layer_count++;
        self->edge_count += layer->shape.edges;
        self->bias_count += layer->config.bias ? layer->config.out_channels : 0;
        self->state_count += self->method->max_scored_edges > 0 ? layer->config.scored_edges : layer->shape.edges;
    }
    return status;
}

engine_status engine_open(engine *self, const engine_limits *limits, engine_memory_plan *plan, engine_fault *fault) {
    engine_status status = engine_check_network(self, fault);
    if (status != ENGINE_OK) {
        return status;
    }
    status = engine_plan_memory(self, limits);
    *plan = self->plan;
    if (status != ENGINE_OK) {
        *fault = (engine_fault){.text = "the network does not fit into the arena", .layer = 0, .value = 0};
        return status;
    }
    if (self->plan.cores == 2) {
        engine_second_core_start(self->second.stack, ENGINE_SECOND_STACK_BYTES);
    }
    self->effective_stale = true;
    self->open = true;
    return ENGINE_OK;
}

void engine_close(engine *self) {
    if (self->open && self->plan.cores == 2) {
        engine_second_core_stop();
    }
    memset(self, 0, sizeof *self);
}

bool engine_is_open(const engine *self) {
    return self->open;
}

uint32_t engine_edge_count(const engine *self) {
    return self->edge_count;
}

uint32_t engine_image_bytes(const engine *self) {
    return self->layers[0].shape.in_count;
}

const int32_t *engine_logits(const engine *self) {
    return self->logits;
}

uint32_t engine_output_count(const engine *self) {
    return engine_last_layer(self)->config.out_channels;
}

uint32_t engine_layer_count(const engine *self) {
    return self->layer_count;
}

static uint32_t begin_ledger(engine *self) {
    memset(self->ledger, 0, sizeof self->ledger);
    self->waiting = 0;
    return self->mark = engine_cycles();
}

const uint32_t *engine_ledger(const engine *self, uint32_t layer) {
    return self->ledger[layer];
}

void engine_step(engine *self, const uint8_t *image, uint32_t label, engine_step_result *result) {
    engine_refresh(self, false);
    const uint32_t start = begin_ledger(self);
    engine_forward(self, image, false);
    self->loss_zero = !engine_loss_gradient(self, label);
    engine_book(self, self->layer_count - 1, ENGINE_PHASE_LOSS);
    const uint32_t middle = self->mark;
    if (!self->loss_zero) {
        engine_backward(self);
    }
    *result = (engine_step_result){
        .prediction = engine_prediction(self),
        .loss_zero = self->loss_zero,
        .forward_cycles = middle - start,
        .cycles = self->mark - start,
        .waiting_cycles = self->waiting,
    };
}

uint32_t engine_evaluate(engine *self, const uint8_t *image, bool frozen, uint32_t *cycles) {
    engine_refresh(self, frozen);
    const uint32_t start = begin_ledger(self);
    engine_forward(self, image, frozen);
    *cycles = self->mark - start;
    return engine_prediction(self);
}
