/* Checks a network before anything is planned for it: shapes, shifts, exponents, and the int32 bounds of
 * docs/arithmetic.md, "Overflow". */
#include "check.h"

#include "arithmetic.h"
#include "operations/operations.h"
#include "refusal.h"

#define MAX_SHIFT 30u
#define MAX_EXPONENT_MAGNITUDE 64
#define MAX_BIAS_EXPONENT_MAGNITUDE 4096 /* of any sum of the others */

engine_status engine_check_config(const engine_config *config, engine_fault *fault) {
    const engine_checker check = {.fault = fault, .layer = 0};
    if ((uint32_t)config->method >= ENGINE_METHOD_COUNT || engine_methods[config->method] == NULL) {
        return engine_refuse(&check, ENGINE_UNSUPPORTED, "the method is not built in", (int64_t)config->method);
    }
    if (config->threshold < INT8_MIN || config->threshold > INT8_MAX) {
        return engine_refuse(&check, ENGINE_BAD_NETWORK, "threshold must be -128..127", config->threshold);
    }
    if (config->loss_shift > MAX_SHIFT || config->mu > MAX_SHIFT) {
        return engine_refuse(&check, ENGINE_BAD_NETWORK, "loss shift and mu must be 0..30", config->loss_shift);
    }
    if (config->input_exponent < -MAX_EXPONENT_MAGNITUDE || config->input_exponent > MAX_EXPONENT_MAGNITUDE) {
        return engine_refuse(&check, ENGINE_BAD_NETWORK, "input exponent must be -64..64", config->input_exponent);
    }
    return ENGINE_OK;
}

static engine_status check_numbers(const engine_checker *check, const engine_layer_config *config) {
    if (config->in_height == 0 || config->in_height > ENGINE_MAX_MAP_ELEMENTS || config->in_width == 0 ||
        config->in_width > ENGINE_MAX_MAP_ELEMENTS) {
        return engine_refuse(check, ENGINE_BAD_NETWORK, "a side of the map is out of range", config->in_height);
    }
    if (config->in_channels == 0 || config->in_channels > ENGINE_MAX_MAP_ELEMENTS || config->out_channels == 0 ||
        config->out_channels > ENGINE_MAX_MAP_ELEMENTS) {
        return engine_refuse(check, ENGINE_BAD_NETWORK, "channels are out of range", config->out_channels);
    }
    if (config->activation_shift > MAX_SHIFT || config->error_shift > MAX_SHIFT || config->update_shift > MAX_SHIFT) {
        return engine_refuse(check, ENGINE_BAD_NETWORK, "shifts must be 0..30", MAX_SHIFT);
    }
    if (config->weight_exponent < -MAX_EXPONENT_MAGNITUDE || config->weight_exponent > MAX_EXPONENT_MAGNITUDE) {
        return engine_refuse(check, ENGINE_BAD_NETWORK, "weight exponent must be -64..64", config->weight_exponent);
    }
    if (config->bias_exponent < -MAX_BIAS_EXPONENT_MAGNITUDE || config->bias_exponent > MAX_BIAS_EXPONENT_MAGNITUDE) {
        return engine_refuse(check, ENGINE_BAD_NETWORK, "bias exponent must be -4096..4096", config->bias_exponent);
    }
    if (config->below_threshold != ENGINE_BELOW_ZERO && config->below_threshold != ENGINE_BELOW_NEGATE) {
        return engine_refuse(check, ENGINE_BAD_NETWORK, "below threshold must be zero or negate",
                             config->below_threshold);
    }
    return ENGINE_OK;
}

/* Fills the counts that follow from what the operation has filled. */
static engine_status check_counts(const engine_checker *check, const engine *self, engine_layer *layer) {
    const engine_layer_config *config = &layer->config;
    engine_layer_shape *shape = &layer->shape;
    const uint64_t in_count = (uint64_t)config->in_height * config->in_width * config->in_channels;
    const uint64_t acc_count = (uint64_t)shape->conv_height * shape->conv_width * config->out_channels;
    const uint64_t edges = (uint64_t)shape->fan_in * config->out_channels;
    /* No product wraps: sides and channels are at most 2^20, those of the accumulator map less than 2^21. */
    if (in_count > ENGINE_MAX_MAP_ELEMENTS) {
        return engine_refuse(check, ENGINE_BAD_NETWORK, "the layer's input is too large", (int64_t)in_count);
    }
    if (acc_count > ENGINE_MAX_MAP_ELEMENTS) {
        return engine_refuse(check, ENGINE_BAD_NETWORK, "the layer's output is too large", (int64_t)acc_count);
    }
    if (edges + self->edge_count > ENGINE_MAX_EDGES) {
        return engine_refuse(check, ENGINE_BAD_NETWORK, "the network has too many edges",
                             (int64_t)(edges + self->edge_count));
    }
    shape->in_count = (uint32_t)in_count;
    shape->out_count = shape->out_height * shape->out_width * config->out_channels;
    shape->edges = (uint32_t)edges;
    shape->first_edge = self->edge_count;
    shape->first_bias = self->bias_count;
    return ENGINE_OK;
}

static engine_status check_follows(const engine_checker *check, engine_layer *layer, const engine_layer *below) {
    const engine_layer_config *config = &layer->config;
    if (layer->operation->reads_a_map && !below->operation->reads_a_map) {
        return engine_refuse(check, ENGINE_BAD_NETWORK, "a layer that reads a map cannot follow one without", 0);
    }
    if (layer->operation->reads_a_map && below->config.operation == ENGINE_SUM_POOL) {
        return engine_refuse(check, ENGINE_BAD_NETWORK, "a linear layer must follow a sum_pool", 0);
    }
    if (layer->shape.in_count != below->shape.out_count ||
        (layer->operation->reads_a_map &&
         (config->in_height != below->shape.out_height || config->in_width != below->shape.out_width))) {
        return engine_refuse(check, ENGINE_BAD_NETWORK, "input does not match the layer below",
                             (int64_t)layer->shape.in_count);
    }
    return ENGINE_OK;
}

/* A worst case plus the constant that rounding adds must stay an int32. */
static bool overflows(uint64_t magnitude, uint32_t shift) {
    return magnitude + (shift == 0 ? 0 : 1ull << (shift - 1)) > INT32_MAX;
}

/* Returns the largest |B| that a layer's biases can have, whatever they are; n is -30..14. */
static uint64_t largest_bias(const engine_layer *layer, bool dynamic, int32_t n) {
    if (!layer->config.bias) {
        return 0;
    }
    return (uint64_t)ENGINE_BIAS_LIMIT << (dynamic ? BIAS_SHIFT_MAX : n > 0 ? (uint32_t)n : 0);
}

static engine_status check_bounds(const engine_checker *check, const engine *self, const engine_layer *layer,
                                  int32_t bias_shift) {
    const engine_layer_config *config = &layer->config;
    const bool dynamic = self->method->dynamic_shifts;
    /* Dynamic shifts round by at most 2^-8 of the value itself. */
    const uint64_t slack = dynamic ? INT32_MAX / 256 : 0;
    const engine_bounds bounds = layer->operation->bounds(layer);
    const uint64_t accumulator = bounds.accumulator + largest_bias(layer, dynamic, bias_shift);
    if (overflows(accumulator + slack, dynamic ? 0 : config->activation_shift)) {
        return engine_refuse(check, ENGINE_OVERFLOW, "accumulators could overflow", (int64_t)accumulator);
    }
    if (!layer->shape.is_first && overflows(bounds.error + slack, dynamic ? 0 : config->error_shift)) {
        return engine_refuse(check, ENGINE_OVERFLOW, "error accumulators could overflow", (int64_t)bounds.error);
    }
    const bool scores = self->method->trains_scores;
    const uint64_t update = scores ? bounds.gradient * INT8_LIMIT : bounds.gradient;
    if (overflows(update, scores ? config->update_shift : 0)) {
        return engine_refuse(check, ENGINE_OVERFLOW, "gradients could overflow", (int64_t)update);
    }
    return ENGINE_OK;
}

/* Returns the exponent of the accumulators of a network's layer, with static shifts. */
static int32_t accumulator_exponent(const engine *self, const engine_layer *layer) {
    int32_t exponent = self->config.input_exponent;
    for (const engine_layer *below = self->layers; below < layer; below++) {
        exponent += below->config.weight_exponent + (int32_t)below->config.activation_shift;
    }
    return exponent + layer->config.weight_exponent;
}

static engine_status check_biases(const engine_checker *check, const engine *self, const engine_layer *layer,
                                  int32_t bias_shift) {
    if (!layer->config.bias || self->method->dynamic_shifts ||
        (bias_shift >= BIAS_SHIFT_MIN && bias_shift <= BIAS_SHIFT_MAX)) {
        return ENGINE_OK;
    }
    return engine_refuse(check, ENGINE_BAD_NETWORK, "biases must be shifted by -30..14 to the accumulators' scale",
                         bias_shift);
}

engine_status engine_check_layer(const engine *self, engine_layer *layer, engine_fault *fault) {
    const engine_checker check = {.fault = fault, .layer = self->layer_count + 1};
    const engine_layer_config *config = &layer->config;
    const engine_layer *below = self->layer_count == 0 ? NULL : layer - 1;
    if ((uint32_t)config->operation >= ENGINE_OPERATION_COUNT) {
        return engine_refuse(&check, ENGINE_BAD_NETWORK, "operation must be conv2d, linear or sum_pool",
                             config->operation);
    }
    layer->operation = engine_operations[config->operation];
    layer->shape.is_first = below == NULL;
    layer->shape.below_has_relu = below != NULL && below->config.relu;
    layer->shape.unsigned_inputs =
        below == NULL || below->config.relu || (!below->operation->learns && below->shape.unsigned_inputs);
    layer->shape.threshold = (int8_t)self->config.threshold;
    engine_status status = check_numbers(&check, config);
    if (status == ENGINE_OK) {
        status = layer->operation->check(&check, layer);
    }
    if (status == ENGINE_OK) {
        status = check_counts(&check, self, layer);
    }
    if (status == ENGINE_OK && below != NULL) {
        status = check_follows(&check, layer, below);
    }
    if (status != ENGINE_OK) {
        return status;
    }
    const uint32_t most_scored = self->method->max_scored_edges;
    if (most_scored > 0 && (config->scored_edges > most_scored || config->scored_edges > layer->shape.edges)) {
        return engine_refuse(&check, ENGINE_BAD_NETWORK, "too many scored edges", config->scored_edges);
    }
    const int32_t bias_shift = config->bias_exponent - accumulator_exponent(self, layer);
    status = check_biases(&check, self, layer, bias_shift);
    if (status == ENGINE_OK) {
        status = check_bounds(&check, self, layer, bias_shift);
    }
    layer->step.activation_shift = config->activation_shift;
    layer->step.error_shift = config->error_shift;
    layer->step.update_shift = config->update_shift;
    return status;
}

engine_status engine_check_network(const engine *self, engine_fault *fault) {
    const engine_checker check = {.fault = fault, .layer = self->layer_count};
    if (self->layer_count == 0) {
        return engine_refuse(&check, ENGINE_BAD_NETWORK, "a network has 1..32 layers", 0);
    }
    const engine_layer_config *last = &engine_last_layer(self)->config;
    if (last->operation != ENGINE_LINEAR || last->relu) {
        return engine_refuse(&check, ENGINE_BAD_NETWORK, "the last layer must be linear, without ReLU", last->relu);
    }
    if (last->out_channels > ENGINE_MAX_OUTPUTS) {
        return engine_refuse(&check, ENGINE_BAD_NETWORK, "too many outputs", last->out_channels);
    }
    return ENGINE_OK;
}
