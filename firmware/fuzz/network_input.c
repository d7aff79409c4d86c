#include "network_input.h"

#include <string.h>

/* The map or the features that the layers so far leave. */
typedef struct {
    uint32_t height, width, channels;
} map_shape;

/* 1..limit, every second time a multiple of 8, for which the fast kernels are made. */
static uint32_t output_count(fuzz_input *input, uint32_t limit) {
    const uint32_t choice = input_byte(input), half = choice / 2;
    return choice % 2 == 0 ? 1 + half % limit : 8 * (1 + half % (limit / 8));
}

static uint32_t scored_edges(fuzz_input *input, const priot_Layer *layer, uint32_t fan_in) {
    const uint32_t edges = fan_in * layer->out_channels;
    const uint32_t share = input_byte(input);
    return share == 255 ? edges : edges * share / 256;
}

static void add_bias(fuzz_input *input, priot_Layer *layer) {
    layer->bias = input_below(input, 3) == 0;
    layer->bias_exponent = layer->bias ? (int32_t)input_below(input, 32) - 20 : 0;
}

/* Fits a window of `kernel` into `size` elements with padding on both sides. */
static void fit_window(uint32_t size, uint32_t *kernel, uint32_t *before, uint32_t *after) {
    if (*kernel > size + *before + *after) {
        *kernel = size;
        *before = *after = 0;
    }
}

static void add_convolution(fuzz_input *input, priot_Layer *layer, map_shape *shape) {
    const uint32_t form = input_byte(input);
    layer->operation = priot_LayerOperation_LAYER_OPERATION_CONV2D;
    layer->kernel = layer->kernel_columns = 1 + input_below(input, 7);
    layer->stride = layer->stride_columns = 1 + input_below(input, 4);
    layer->padding = layer->padding_left = layer->padding_bottom = layer->padding_right =
        input_below(input, 256) % layer->kernel;
    if (form % 4 == 0) { /* rectangles, and padding of each side by itself */
        layer->kernel_columns = 1 + input_below(input, 7);
        layer->stride_columns = 1 + input_below(input, 4);
        layer->padding_left = input_below(input, 4);
        layer->padding_bottom = input_below(input, 4);
        layer->padding_right = input_below(input, 4);
    }
    fit_window(shape->height, &layer->kernel, &layer->padding, &layer->padding_bottom);
    fit_window(shape->width, &layer->kernel_columns, &layer->padding_left, &layer->padding_right);
    layer->depthwise = form / 4 % 4 == 0;
    layer->out_channels = layer->depthwise ? shape->channels : output_count(input, 16);
    shape->height = (shape->height + layer->padding + layer->padding_bottom - layer->kernel) / layer->stride + 1;
    shape->width =
        (shape->width + layer->padding_left + layer->padding_right - layer->kernel_columns) / layer->stride_columns + 1;
    layer->pool = shape->height > 1 && shape->width > 1 && input_below(input, 2) == 1;
    if (layer->pool) {
        shape->height /= 2;
        shape->width /= 2;
    }
    layer->relu = input_below(input, 4) != 0;
    add_bias(input, layer);
    const uint32_t fan_in = layer->kernel * layer->kernel_columns * (layer->depthwise ? 1 : layer->in_channels);
    layer->scored_edges = scored_edges(input, layer, fan_in);
    shape->channels = layer->out_channels;
}

static void add_sum_pool(fuzz_input *input, priot_Layer *layer, map_shape *shape) {
    layer->operation = priot_LayerOperation_LAYER_OPERATION_SUM_POOL;
    layer->weight_exponent = 0;
    layer->out_channels = shape->channels;
    layer->relu = input_below(input, 2) != 0;
    *shape = (map_shape){1, 1, shape->channels};
}

static void add_linear(fuzz_input *input, priot_Layer *layer, map_shape *shape, bool last) {
    layer->operation = priot_LayerOperation_LAYER_OPERATION_LINEAR;
    layer->in_channels = shape->height * shape->width * shape->channels;
    layer->in_height = layer->in_width = 1;
    layer->out_channels = output_count(input, last ? 64 : 96);
    layer->relu = !last && input_below(input, 4) != 0;
    add_bias(input, layer);
    layer->scored_edges = scored_edges(input, layer, layer->in_channels);
    *shape = (map_shape){1, 1, layer->out_channels};
}

static uint32_t *any_field(priot_Layer *layer, uint32_t choice) {
    uint32_t *const fields[] = {
        &layer->in_height,        &layer->in_width,       &layer->in_channels,    &layer->out_channels,
        &layer->kernel,           &layer->kernel_columns, &layer->stride,         &layer->stride_columns,
        &layer->padding,          &layer->padding_left,   &layer->padding_bottom, &layer->padding_right,
        &layer->activation_shift, &layer->error_shift,    &layer->update_shift,   &layer->scored_edges};
    return fields[choice % (sizeof fields / sizeof *fields)];
}

static void add_hostile_number(fuzz_input *input, device_network *network) {
    const uint32_t choice = input_byte(input);
    const uint32_t value = input_hostile(input);
    priot_Layer *layer = &network->layers[choice % 12];
    switch (choice / 16) {
    case 0:
        network->open.threshold = (int32_t)value;
        break;
    case 1:
        network->open.mu = value;
        break;
    case 2:
        network->open.input_exponent = (int32_t)value;
        break;
    case 3:
        network->open.loss_shift = value;
        break;
    case 4:
        network->layer_count = value % (DEVICE_MAX_LAYERS + 1);
        break;
    case 5:
        network->open.memory_limit_bytes = value;
        break;
    case 6:
        layer->weight_exponent = (int32_t)value;
        break;
    case 7:
        layer->pool = !layer->pool;
        break;
    case 8:
        layer->relu = !layer->relu;
        break;
    case 9:
        network->open.method = (priot_Method)(value % 8);
        break;
    case 10:
        network->open.kernels = (priot_Kernels)(value % 8);
        break;
    case 11:
        layer->operation = (priot_LayerOperation)(value % 8);
        break;
    case 12:
        layer->depthwise = !layer->depthwise;
        break;
    case 13:
        layer->bias = !layer->bias;
        layer->bias_exponent = (int32_t)value;
        break;
    default:
        *any_field(layer, input_byte(input)) = value;
        break;
    }
}

void input_network(fuzz_input *input, device_network *network) {
    memset(network, 0, sizeof *network);
    const uint32_t kind = input_byte(input);
    network->open.method = (priot_Method)(kind % 4);
    network->open.kernels = (priot_Kernels)(kind / 4 % 3);
    network->open.threshold = (int8_t)input_byte(input);
    network->open.mu = input_below(input, 31);
    network->open.loss_shift = input_below(input, 12);
    const uint32_t logit_exponent = input_below(input, 22);
    network->layer_count = 1 + input_below(input, 6);
    uint32_t convolutions = input_below(input, network->layer_count);
    map_shape shape = {1 + input_below(input, 40), 1 + input_below(input, 40), 1 + input_below(input, 3)};
    int32_t exponent = 0;
    for (uint32_t l = 0; l < network->layer_count; l++) {
        priot_Layer *layer = &network->layers[l];
        layer->in_height = shape.height;
        layer->in_width = shape.width;
        layer->in_channels = shape.channels;
        layer->below_threshold = (priot_BelowThreshold)input_below(input, 2);
        layer->activation_shift = input_below(input, 14);
        layer->error_shift = input_below(input, 14);
        layer->update_shift = input_below(input, 24);
        layer->weight_exponent = -(int32_t)input_below(input, 12);
        if (l < convolutions) {
            add_convolution(input, layer, &shape);
        } else if (l == convolutions && l + 1 < network->layer_count && input_below(input, 4) == 0) {
            add_sum_pool(input, layer, &shape);
        } else {
            add_linear(input, layer, &shape, l + 1 == network->layer_count);
        }
        exponent += layer->weight_exponent + (int32_t)layer->activation_shift;
    }
    network->open.input_exponent = (int32_t)logit_exponent - 6 - exponent;
    for (uint32_t hostile = input_byte(input) / 86; hostile > 0; hostile--) {
        add_hostile_number(input, network);
    }
}
