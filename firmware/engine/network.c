/* Checks a network before anything is planned for it: shapes, shifts, the logit exponent, and the int32 bounds of
 * docs/arithmetic.md, "Overflow". */
#include "arithmetic.h"
#include "engine_internal.h"

#include <string.h>

#define MAX_SHIFT 30u
#define MAX_EXPONENT_MAGNITUDE 64
#define MAX_GROUPED_SCORES 65535u /* methods/priot_s.c indexes the scores of a layer with 16 bits */
#define LOGIT_EXPONENT_MIN (-6)
#define LOGIT_EXPONENT_MAX 15
#define PRODUCT_LIMIT ((uint64_t)INT8_LIMIT * INT8_LIMIT)

typedef struct {
    engine_fault *fault;
    uint32_t layer; /* 1-based */
} checker;

static engine_status refuse(const checker *check, engine_status status, const char *text, int64_t value) {
    *check->fault =
        (engine_fault){.text = text, .layer = check->layer, .value = value > INT32_MAX ? INT32_MAX : (int32_t)value};
    return status;
}

/* What the wire carries and the kernels do not know yet. */
static bool is_known(const engine_layer_config *config) {
    return config->kernel_columns == config->kernel && config->stride_columns == config->stride &&
           config->padding_left == config->padding && config->padding_bottom == config->padding &&
           config->padding_right == config->padding && !config->depthwise;
}

static engine_status check_convolution(const checker *check, engine_layer *layer) {
    const engine_layer_config *config = &layer->config;
    if (!is_known(config)) {
        return refuse(check, ENGINE_BAD_NETWORK, "only square, symmetric and full convolutions", 0);
    }
    if (config->kernel == 0 || config->kernel > ENGINE_MAX_SIDE) {
        return refuse(check, ENGINE_BAD_NETWORK, "kernel must be 1..255", config->kernel);
    }
    if (config->stride == 0 || config->stride > ENGINE_MAX_SIDE) {
        return refuse(check, ENGINE_BAD_NETWORK, "stride must be 1..255", config->stride);
    }
    if (config->padding >= config->kernel) {
        return refuse(check, ENGINE_BAD_NETWORK, "padding must be smaller than the kernel", config->padding);
    }
    if (config->kernel > config->in_height + 2 * config->padding ||
        config->kernel > config->in_width + 2 * config->padding) {
        return refuse(check, ENGINE_BAD_NETWORK, "kernel is larger than the padded map", config->kernel);
    }
    layer->conv_height = (config->in_height + 2 * config->padding - config->kernel) / config->stride + 1;
    layer->conv_width = (config->in_width + 2 * config->padding - config->kernel) / config->stride + 1;
    layer->out_height = config->pool ? layer->conv_height / 2 : layer->conv_height;
    layer->out_width = config->pool ? layer->conv_width / 2 : layer->conv_width;
    if (layer->out_height == 0 || layer->out_width == 0) {
        return refuse(check, ENGINE_BAD_NETWORK, "nothing is left after the pool", 0);
    }
    layer->fan_in = config->kernel * config->kernel * config->in_channels;
    return ENGINE_OK;
}

static engine_status check_linear(const checker *check, engine_layer *layer) {
    const engine_layer_config *config = &layer->config;
    if (config->in_height != 1 || config->in_width != 1 || config->pool) {
        return refuse(check, ENGINE_BAD_NETWORK, "a linear layer has no map and no pool", config->in_height);
    }
    layer->conv_height = layer->conv_width = layer->out_height = layer->out_width = 1;
    layer->fan_in = config->in_channels;
    return ENGINE_OK;
}

static engine_status check_shape(const checker *check, engine_layer *layer, const engine_layer *below) {
    const engine_layer_config *config = &layer->config;
    if (config->operation != ENGINE_CONV2D && config->operation != ENGINE_LINEAR) {
        return refuse(check, ENGINE_BAD_NETWORK, "operation must be conv2d or linear", config->operation);
    }
    if (config->in_height == 0 || config->in_height > ENGINE_MAX_SIDE || config->in_width == 0 ||
        config->in_width > ENGINE_MAX_SIDE) {
        return refuse(check, ENGINE_BAD_NETWORK, "a map's sides must be 1..255", config->in_height);
    }
    if (config->bias) {
        return refuse(check, ENGINE_BAD_NETWORK, "no biases", config->bias_exponent);
    }
    if (config->in_channels == 0 || config->in_channels > ENGINE_MAX_FEATURES || config->out_channels == 0 ||
        config->out_channels > ENGINE_MAX_FEATURES) {
        return refuse(check, ENGINE_BAD_NETWORK, "channels must be 1..65535", config->out_channels);
    }
    const engine_status status =
        config->operation == ENGINE_CONV2D ? check_convolution(check, layer) : check_linear(check, layer);
    if (status != ENGINE_OK) {
        return status;
    }
    const uint64_t in_count = (uint64_t)config->in_height * config->in_width * config->in_channels;
    const uint64_t acc_count = (uint64_t)layer->conv_height * layer->conv_width * config->out_channels;
    const uint64_t edges = (uint64_t)layer->fan_in * config->out_channels;
    if (in_count > ENGINE_MAX_FEATURES || acc_count > 16u * ENGINE_MAX_FEATURES || edges > ENGINE_MAX_EDGES) {
        return refuse(check, ENGINE_BAD_NETWORK, "the layer is too large", (int64_t)edges);
    }
    layer->in_count = (uint32_t)in_count;
    layer->out_count = layer->out_height * layer->out_width * config->out_channels;
    layer->edges = (uint32_t)edges;
    if (below == NULL) {
        return ENGINE_OK;
    }
    const bool map_to_map = config->operation == ENGINE_CONV2D;
    if (map_to_map && below->config.operation == ENGINE_LINEAR) {
        return refuse(check, ENGINE_BAD_NETWORK, "a convolution cannot follow a linear layer", 0);
    }
    if (layer->in_count != below->out_count ||
        (map_to_map && (config->in_height != below->out_height || config->in_width != below->out_width))) {
        return refuse(check, ENGINE_BAD_NETWORK, "input does not match the layer below", (int64_t)in_count);
    }
    return ENGINE_OK;
}

static engine_status check_numbers(const checker *check, const engine_layer *layer, engine_method method) {
    const engine_layer_config *config = &layer->config;
    if (config->activation_shift > MAX_SHIFT || config->error_shift > MAX_SHIFT || config->update_shift > MAX_SHIFT) {
        return refuse(check, ENGINE_BAD_NETWORK, "shifts must be 0..30", MAX_SHIFT);
    }
    if (config->weight_exponent < -MAX_EXPONENT_MAGNITUDE || config->weight_exponent > MAX_EXPONENT_MAGNITUDE) {
        return refuse(check, ENGINE_BAD_NETWORK, "weight exponent must be -64..64", config->weight_exponent);
    }
    if (config->below_threshold != ENGINE_BELOW_ZERO && config->below_threshold != ENGINE_BELOW_NEGATE) {
        return refuse(check, ENGINE_BAD_NETWORK, "below threshold must be zero or negate", config->below_threshold);
    }
    if (method == ENGINE_PRIOT_S &&
        (config->scored_edges > layer->edges || config->scored_edges > MAX_GROUPED_SCORES)) {
        return refuse(check, ENGINE_BAD_NETWORK, "too many scored edges", config->scored_edges);
    }
    return ENGINE_OK;
}

/* A worst case plus the constant that rounding adds must stay an int32. */
static bool overflows(uint64_t magnitude, uint32_t shift) {
    return magnitude + (shift == 0 ? 0 : 1ull << (shift - 1)) > INT32_MAX;
}

static engine_status check_bounds(const checker *check, const engine_layer *layer, const engine_config *network) {
    const engine_layer_config *config = &layer->config;
    const bool dynamic = network->method == ENGINE_NITI_DYNAMIC;
    /* Dynamic shifts round by at most 2^-8 of the value itself. */
    const uint64_t slack = dynamic ? INT32_MAX / 256 : 0;
    uint64_t error = config->out_channels * PRODUCT_LIMIT, gradient = PRODUCT_LIMIT;
    if (config->operation == ENGINE_CONV2D) {
        const uint64_t taps = (config->kernel + config->stride - 1) / config->stride;
        error *= taps * taps;
        gradient *= (uint64_t)layer->out_height * layer->out_width; /* under a pool one delta in four is kept */
    }
    if (overflows(layer->fan_in * PRODUCT_LIMIT + slack, dynamic ? 0 : config->activation_shift)) {
        return refuse(check, ENGINE_OVERFLOW, "accumulators could overflow", (int64_t)(layer->fan_in * PRODUCT_LIMIT));
    }
    if (check->layer > 1 && overflows(error + slack, dynamic ? 0 : config->error_shift)) {
        return refuse(check, ENGINE_OVERFLOW, "error accumulators could overflow", (int64_t)error);
    }
    const bool scores = network->method == ENGINE_PRIOT || network->method == ENGINE_PRIOT_S;
    const uint64_t update = scores ? gradient * INT8_LIMIT : gradient;
    if (overflows(update, scores ? config->update_shift : 0)) {
        return refuse(check, ENGINE_OVERFLOW, "gradients could overflow", (int64_t)update);
    }
    return ENGINE_OK;
}

static engine_status check_ends(checker *check, const engine *self, const engine_config *config) {
    const engine_layer *last = &self->layers[config->layer_count - 1];
    check->layer = config->layer_count;
    if (last->config.operation != ENGINE_LINEAR || last->config.relu) {
        return refuse(check, ENGINE_BAD_NETWORK, "the last layer must be linear, without ReLU", last->config.relu);
    }
    if (last->config.out_channels > ENGINE_MAX_OUTPUTS) {
        return refuse(check, ENGINE_BAD_NETWORK, "too many outputs", last->config.out_channels);
    }
    check->layer = 0;
    if (config->input_exponent < -MAX_EXPONENT_MAGNITUDE || config->input_exponent > MAX_EXPONENT_MAGNITUDE) {
        return refuse(check, ENGINE_BAD_NETWORK, "input exponent must be -64..64", config->input_exponent);
    }
    if (config->method == ENGINE_NITI_DYNAMIC) {
        return ENGINE_OK;
    }
    int32_t exponent = config->input_exponent;
    for (uint32_t l = 0; l < config->layer_count; l++) {
        exponent += config->layers[l].weight_exponent + (int32_t)config->layers[l].activation_shift;
    }
    return exponent < LOGIT_EXPONENT_MIN || exponent > LOGIT_EXPONENT_MAX
               ? refuse(check, ENGINE_BAD_NETWORK, "exponent of the logits is outside -6..15", exponent)
               : ENGINE_OK;
}

engine_status engine_check_network(engine *self, const engine_config *config, engine_fault *fault) {
    checker check = {.fault = fault, .layer = 0};
    if ((uint32_t)config->method >= ENGINE_METHOD_COUNT || engine_methods[config->method] == NULL) {
        return refuse(&check, ENGINE_UNSUPPORTED, "the method is not built in", (int64_t)config->method);
    }
    if (config->layer_count == 0 || config->layer_count > ENGINE_MAX_LAYERS) {
        return refuse(&check, ENGINE_BAD_NETWORK, "a network has 1..12 layers", config->layer_count);
    }
    if (config->threshold < INT8_MIN || config->threshold > INT8_MAX) {
        return refuse(&check, ENGINE_BAD_NETWORK, "threshold must be -128..127", config->threshold);
    }
    if (config->loss_shift > MAX_SHIFT || config->mu > MAX_SHIFT) {
        return refuse(&check, ENGINE_BAD_NETWORK, "loss shift and mu must be 0..30", config->loss_shift);
    }
    uint64_t edge_count = 0;
    for (uint32_t l = 0; l < config->layer_count; l++) {
        engine_layer *layer = &self->layers[l];
        memset(layer, 0, sizeof *layer);
        layer->config = config->layers[l];
        check.layer = l + 1;
        engine_status status = check_shape(&check, layer, l == 0 ? NULL : &self->layers[l - 1]);
        if (status == ENGINE_OK) {
            status = check_numbers(&check, layer, config->method);
        }
        if (status == ENGINE_OK) {
            status = check_bounds(&check, layer, config);
        }
        if (status != ENGINE_OK) {
            return status;
        }
        layer->first_edge = (uint32_t)edge_count;
        layer->below_has_relu = l > 0 && self->layers[l - 1].config.relu;
        layer->threshold = (int8_t)config->threshold;
        layer->activation_shift = layer->config.activation_shift;
        layer->error_shift = layer->config.error_shift;
        layer->update_shift = layer->config.update_shift;
        edge_count += layer->edges;
    }
    if (edge_count > ENGINE_MAX_EDGES) {
        check.layer = 0;
        return refuse(&check, ENGINE_BAD_NETWORK, "the network has too many edges", (int64_t)edge_count);
    }
    return check_ends(&check, self, config);
}
