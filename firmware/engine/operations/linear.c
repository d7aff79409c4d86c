/* Linear layers. In the backward pass error and update both go input by input: an input's error and its update touch
 * only that input's edges, so that the error is made with the old learned state. */
#include "../arithmetic.h"
#include "../cores.h"
#include "../deltas.h"
#include "../kernels/kernels.h"
#include "operations.h"

#include <string.h>

static engine_status check(const engine_checker *check, engine_layer *layer) {
    const engine_layer_config *config = &layer->config;
    engine_layer_shape *shape = &layer->shape;
    if (config->in_height != 1 || config->in_width != 1 || config->pool) {
        return engine_refuse(check, ENGINE_BAD_NETWORK, "a linear layer has no map and no pool", config->in_height);
    }
    shape->conv_height = shape->conv_width = shape->out_height = shape->out_width = 1;
    shape->fan_in = config->in_channels;
    shape->groups = config->in_channels;
    shape->group_size = config->out_channels;
    shape->group_pitch = config->out_channels;
    shape->edge_pitch = 1;
    return ENGINE_OK;
}

static engine_bounds bounds(const engine_layer *layer) {
    const uint64_t product = (uint64_t)INT8_LIMIT * INT8_LIMIT;
    return (engine_bounds){
        .accumulator = layer->config.in_channels * product,
        .error = layer->config.out_channels * product,
        .gradient = product,
    };
}

static engine_scratch scratch(const engine_layer *layer, bool dynamic_shifts) {
    const uint32_t outputs = layer->config.out_channels;
    return (engine_scratch){
        .sums = dynamic_shifts && !layer->shape.is_first ? larger_of(outputs, layer->shape.in_count) : outputs,
        .deltas = outputs,
        .row = layer->memory.effective_kept ? 0 : outputs,
        .second_sums = dynamic_shifts ? 0 : outputs,
    };
}

static uint32_t edge_index(const engine_layer *layer, uint32_t canonical) {
    const uint32_t output = canonical / layer->shape.fan_in, input = canonical % layer->shape.fan_in;
    return input * layer->config.out_channels + output;
}

static void accumulate_rows(const engine *self, const engine_layer *layer, bool frozen, int32_t *acc) {
    const engine_kernel_table *kernels = layer->kernels;
    const uint32_t outputs = layer->config.out_channels, inputs = layer->shape.in_count;
    memset(acc, 0, outputs * sizeof *acc);
    for (uint32_t i = 0; i < inputs; i++) {
        const int32_t x = layer->step.input[i];
        if (x == 0 && !kernels->dense) {
            continue;
        }
        const int8_t *row = layer->memory.row;
        if (layer->memory.effective_kept) {
            row = layer->memory.effective + i * outputs;
        } else {
            self->method->effective_row(layer, i, frozen, layer->memory.row);
        }
        kernels->add_scaled_row(acc, row, x, outputs);
    }
}

static void add_biases(const engine_layer *layer, int32_t *acc) {
    if (layer->step.biases != NULL) {
        for (uint32_t o = 0; o < layer->config.out_channels; o++) {
            acc[o] += layer->step.biases[o];
        }
    }
}

static void accumulate(const engine *self, const engine_layer *layer, bool frozen, int32_t *acc) {
    const engine_kernel_table *kernels = layer->kernels;
    if (kernels->linear == NULL || !layer->memory.effective_kept || !kernels->linear(layer, acc)) {
        accumulate_rows(self, layer, frozen, acc);
    }
    add_biases(layer, acc);
}

/* A layer with fewer edges is done before a second core has begun. */
#define SHARED_EDGES 2048u

/* A layer in halves, one for each core. */
typedef struct {
    const engine *self;
    engine_layer half[2];
    int8_t *below; /* NULL: none is wanted */
    uint32_t deltas;
    bool summed; /* the second half's accumulators */
} halved_layer;

/* Halves a layer; false: one core does it. */
static bool halve(const engine *self, const engine_layer *layer, halved_layer *halved) {
    halved->self = self;
    if (!engine_has_two_cores(self) || self->method->dynamic_shifts || !layer->memory.effective_kept ||
        layer->shape.edges < SHARED_EDGES || layer->kernels->halve == NULL ||
        !layer->kernels->halve(layer, halved->half, self->second.views)) {
        return false;
    }
    halved->half[1].memory.kernel_scratch = self->second.kernel_scratch;
    return true;
}

static void accumulate_second_half(void *context) {
    halved_layer *halved = context;
    halved->summed = halved->half[1].kernels->linear(&halved->half[1], halved->self->second.sums);
}

/* False: nothing was done. */
static bool accumulate_by_two(engine *self, uint32_t l, int32_t *acc) {
    const engine_layer *layer = &self->layers[l];
    halved_layer halved;
    if (layer->kernels->linear == NULL || !halve(self, layer, &halved)) {
        return false;
    }
    engine_second_core_do(accumulate_second_half, &halved);
    const bool summed = layer->kernels->linear(&halved.half[0], acc);
    engine_book(self, l, ENGINE_PHASE_FORWARD);
    engine_wait(self);
    if (!summed || !halved.summed) {
        return false;
    }
    for (uint32_t o = 0; o < layer->config.out_channels; o++) {
        acc[o] += self->second.sums[o];
    }
    add_biases(layer, acc);
    return true;
}

static void forward(engine *self, uint32_t l, bool frozen) {
    engine_layer *layer = &self->layers[l];
    int32_t *acc = layer->memory.output == NULL ? self->logits : self->scratch;
    if (!accumulate_by_two(self, l, acc)) {
        accumulate(self, layer, frozen, acc);
    }
    engine_book(self, l, ENGINE_PHASE_FORWARD);
    if (layer->memory.output != NULL) {
        layer->kernels->requantise(layer, 0, 1, acc);
        engine_book(self, l, ENGINE_PHASE_REQUANTISE);
    }
}

static const int8_t *effective_row(const engine *self, const engine_layer *layer, uint32_t input) {
    if (layer->memory.effective_kept) {
        return layer->memory.effective + input * layer->config.out_channels;
    }
    self->method->effective_row(layer, input, false, layer->memory.row);
    return layer->memory.row;
}

static void PRIOT_HOT fill_below(const engine *self, const engine_layer *layer, uint32_t count, int8_t *below) {
    const engine_kernel_table *kernels = layer->kernels;
    memset(below, 0, layer->shape.in_count);
    if (kernels->linear_below != NULL && layer->memory.effective_kept &&
        kernels->linear_below(layer, self->sparse, count, below)) {
        return;
    }
    for (uint32_t i = 0; i < layer->shape.in_count; i++) {
        if (engine_has_error(layer, i)) {
            const int32_t error = kernels->sparse_dot(effective_row(self, layer, i), self->sparse, count);
            below[i] = clamp_int8(round_shift(error, layer->step.error_shift));
        }
    }
}

static void listed_errors(const engine *self, const engine_layer *layer, uint32_t count, int32_t *error) {
    for (uint32_t i = 0; i < layer->shape.in_count; i++) {
        error[i] = layer->kernels->sparse_dot(effective_row(self, layer, i), self->sparse, count);
    }
}

static void errors(const engine *self, const engine_layer *layer, int32_t *error) {
    listed_errors(self, layer, engine_list_deltas(layer, self->sparse), error);
}

static void gradients(engine_layer *layer, const engine_gradient_sink *sink) {
    const uint32_t outputs = layer->config.out_channels;
    for (uint32_t i = 0; i < layer->shape.in_count; i++) {
        if (layer->step.input[i] != 0) {
            memset(sink->gradient, 0, outputs * sizeof *sink->gradient);
            layer->kernels->add_scaled_row(sink->gradient, layer->memory.delta, layer->step.input[i], outputs);
            sink->take(layer, i, sink->gradient);
        }
    }
}

/* The largest gradient of a linear layer is max|d| * max|x|, since G = d * x. */
static uint32_t dynamic_update_shift(const engine *self, const engine_layer *layer) {
    const uint32_t gradient = engine_largest_magnitude(layer->memory.delta, layer->shape.out_count) *
                              engine_largest_magnitude(layer->step.input, layer->shape.in_count);
    return subtract_to_zero(bit_width(gradient), self->config.mu);
}

/* Rows whose every gradient is negligible are left out. */
static void PRIOT_HOT update(const engine *self, engine_layer *layer, uint32_t count) {
    const int32_t largest = (int32_t)engine_largest_magnitude(layer->memory.delta, layer->shape.out_count);
    if (largest == 0) {
        return;
    }
    const int32_t smallest = layer->step.negligible / largest + 1; /* of the inputs with a gradient to speak of */
    if (self->method->update_rows != NULL && self->method->update_rows(layer, smallest, self->sparse, count)) {
        return;
    }
    for (uint32_t i = 0; i < layer->shape.in_count; i++) {
        const int32_t x = layer->step.input[i];
        if (absolute(x) >= smallest) {
            self->method->update_row(layer, i, x, self->sparse, count);
        }
    }
}

/* An input's error and its update touch that input's edges alone, so each core does both for its inputs. */
static void backward_second_half(void *context) {
    halved_layer *halved = context;
    const engine *self = halved->self;
    engine_layer *half = &halved->half[1];
    (void)half->kernels->linear_below(half, self->sparse, halved->deltas, halved->below);
    update(self, half, halved->deltas);
}

/* False: nothing was done. */
static bool backward_by_two(engine *self, uint32_t l, int8_t *below, uint32_t count) {
    engine_layer *layer = &self->layers[l];
    halved_layer halved;
    if (below == NULL || !layer->shape.below_has_relu || layer->kernels->linear_below == NULL ||
        self->method->updates_listed == NULL || !self->method->updates_listed(layer) || !halve(self, layer, &halved)) {
        return false;
    }
    halved.below = below;
    halved.deltas = count;
    memset(below, 0, layer->shape.in_count);
    engine_second_core_do(backward_second_half, &halved);
    (void)layer->kernels->linear_below(&halved.half[0], self->sparse, count, below);
    engine_book(self, l, ENGINE_PHASE_ERROR);
    update(self, &halved.half[0], count);
    engine_book(self, l, ENGINE_PHASE_UPDATE);
    engine_wait(self);
    return true;
}

static void backward(engine *self, uint32_t l, int8_t *below) {
    engine_layer *layer = &self->layers[l];
    const bool dynamic = self->method->dynamic_shifts;
    const uint32_t count = engine_list_deltas(layer, self->sparse);
    if (backward_by_two(self, l, below, count)) {
        return;
    }
    if (below != NULL) {
        if (dynamic) {
            listed_errors(self, layer, count, self->scratch);
            layer->step.error_shift = dynamic_shift(self->scratch, layer->shape.in_count);
            engine_requantise_errors(layer, self->scratch, below);
        } else {
            fill_below(self, layer, count, below);
        }
    }
    engine_book(self, l, ENGINE_PHASE_ERROR);
    if (dynamic) {
        layer->step.update_shift = dynamic_update_shift(self, layer);
        layer->step.negligible = self->method->negligible(layer->step.update_shift, layer->step.largest_weight);
    }
    update(self, layer, count);
    engine_book(self, l, ENGINE_PHASE_UPDATE);
}

const engine_operation engine_operation_linear = {
    .learns = true,
    .keeps_rows = true,
    .check = check,
    .bounds = bounds,
    .scratch = scratch,
    .edge_index = edge_index,
    .accumulate = accumulate,
    .errors = errors,
    .gradients = gradients,
    .forward = forward,
    .backward = backward,
};
