#include "pretraining.h"

#include "../engine/arithmetic.h"
#include "../engine/engine_internal.h"
#include "../engine/kernels/kernels.h"

#include <string.h>

#define SPARSITY_UNITS 16 /* to a unit of the deltas */

/* Every tensor of a batch, image after image. */
typedef struct {
    int8_t *input; /* of the layer */
    int32_t *acc;
    uint8_t *positions;
    int8_t *delta;
} batch_layer;

static struct {
    uint32_t batch_size;
    batch_layer layers[ENGINE_MAX_LAYERS];
    int32_t *error;    /* of one layer */
    int32_t *gradient; /* of one layer's edges, summed over the batch */
    int32_t *channel_gradient;
    uint8_t *free;
    uint32_t free_bytes;
} batch;

static void *take(uint32_t bytes) {
    const uint32_t rounded = (bytes + 15u) & ~15u;
    if (rounded > batch.free_bytes) {
        return NULL;
    }
    void *place = batch.free;
    batch.free += rounded;
    batch.free_bytes -= rounded;
    return place;
}

static uint32_t acc_count(const engine_layer *layer) {
    return layer->conv_height * layer->conv_width * layer->config.out_channels;
}

static uint32_t larger(uint32_t a, uint32_t b) {
    return a > b ? a : b;
}

engine_status pretraining_open(const engine_config *config, uint32_t batch_size, void *memory, uint32_t memory_bytes,
                               engine_fault *fault) {
    engine *self = engine_instance();
    engine_config dynamic = *config;
    dynamic.method = ENGINE_NITI_DYNAMIC;
    engine_memory_plan plan;
    const engine_limits limits = {.arena_bytes = memory_bytes, .weights_flash_bytes = 0};
    const engine_status status = engine_open(self, &dynamic, &limits, memory, &plan, fault);
    if (status != ENGINE_OK) {
        return status;
    }
    batch.batch_size = batch_size;
    batch.free = (uint8_t *)memory + plan.required_bytes;
    batch.free_bytes = memory_bytes - plan.required_bytes;
    uint32_t inputs = 0, edges = 0, fan_in = 0;
    for (uint32_t l = 0; l < self->layer_count; l++) {
        const engine_layer *layer = &self->layers[l];
        const uint64_t positions = layer->config.operation == ENGINE_CONV2D ? layer->out_height * layer->out_width : 1;
        if (positions * batch_size * INT8_LIMIT * INT8_LIMIT > INT32_MAX) {
            *fault = (engine_fault){.text = "the gradients of a batch could overflow", .layer = l + 1, .value = 0};
            return ENGINE_OVERFLOW;
        }
        batch.layers[l] = (batch_layer){
            .input = take(batch_size * layer->in_count),
            .acc = take(batch_size * acc_count(layer) * (uint32_t)sizeof(int32_t)),
            .positions = take(batch_size * layer->out_count),
            .delta = take(batch_size * layer->out_count),
        };
        inputs = larger(inputs, layer->in_count);
        edges = larger(edges, layer->edges);
        fan_in = larger(fan_in, layer->fan_in);
    }
    batch.error = take(batch_size * inputs * (uint32_t)sizeof(int32_t));
    batch.gradient = take(edges * (uint32_t)sizeof(int32_t));
    batch.channel_gradient = take(fan_in * (uint32_t)sizeof(int32_t));
    if (batch.channel_gradient == NULL) {
        *fault = (engine_fault){.text = "the batch does not fit into memory", .layer = 0, .value = 0};
        return ENGINE_OUT_OF_MEMORY;
    }
    return ENGINE_OK;
}

uint8_t *pretraining_images(void) {
    return (uint8_t *)batch.layers[0].input;
}

/* Points a layer at one image's tensors, for the kernels. */
static engine_layer *select(engine *self, uint32_t l, uint32_t image) {
    engine_layer *layer = &self->layers[l];
    const batch_layer *tensors = &batch.layers[l];
    layer->input = tensors->input + image * layer->in_count;
    layer->positions = tensors->positions + image * layer->out_count;
    layer->delta = tensors->delta + image * layer->out_count;
    layer->output = l + 1 < self->layer_count ? batch.layers[l + 1].input + image * layer->out_count : NULL;
    return layer;
}

static uint32_t bits_of(const int32_t *values, uint32_t count) {
    return bit_width(maximum_magnitude(values, count));
}

static void accumulate(const engine *self, engine_layer *layer, int32_t *acc) {
    if (layer->config.operation == ENGINE_CONV2D) {
        if (self->kernels->prepare != NULL) {
            self->kernels->prepare(layer);
        }
        self->kernels->convolution(layer, 0, layer->conv_height, acc);
        return;
    }
    const uint32_t outputs = layer->config.out_channels;
    memset(acc, 0, outputs * sizeof *acc);
    for (uint32_t i = 0; i < layer->in_count; i++) {
        if (layer->input[i] != 0) {
            self->kernels->add_scaled_row(acc, layer->effective + i * outputs, layer->input[i], outputs);
        }
    }
}

static void forward(engine *self, uint32_t count) {
    engine_refresh(self, false);
    for (uint32_t l = 0; l < self->layer_count; l++) {
        const uint32_t per_image = acc_count(&self->layers[l]);
        for (uint32_t image = 0; image < count; image++) {
            accumulate(self, select(self, l, image), batch.layers[l].acc + image * per_image);
        }
        engine_layer *layer = &self->layers[l];
        layer->activation_shift = subtract_to_zero(bits_of(batch.layers[l].acc, count * per_image), 7);
        const uint32_t rows = layer->config.pool ? 2 : 1;
        const uint32_t row = rows * layer->conv_width * layer->config.out_channels;
        for (uint32_t image = 0; l + 1 < self->layer_count && image < count; image++) {
            select(self, l, image);
            for (uint32_t y = 0; y < layer->out_height; y++) {
                self->kernels->requantise_row(layer, batch.layers[l].acc + image * per_image + y * row, y);
            }
        }
    }
}

static uint32_t loss(engine *self, const uint8_t *labels, uint32_t count, bool *any_loss) {
    const uint32_t last = self->layer_count - 1, outputs = self->layers[last].config.out_channels;
    uint32_t correct = 0;
    *any_loss = false;
    for (uint32_t image = 0; image < count; image++) {
        select(self, last, image);
        memcpy(self->logits, batch.layers[last].acc + image * outputs, outputs * sizeof *self->logits);
        correct += engine_prediction(self) == labels[image] ? 1 : 0;
        if (engine_loss_gradient(self, labels[image])) {
            *any_loss = true;
        }
    }
    return correct;
}

static void linear_error(const engine *self, const engine_layer *layer, int32_t *error) {
    const uint32_t count = engine_list_deltas(layer, self->sparse);
    for (uint32_t i = 0; i < layer->in_count; i++) {
        error[i] = self->kernels->sparse_dot(layer->effective + i * layer->config.out_channels, self->sparse, count);
    }
}

static void backward_error(engine *self, uint32_t l, uint32_t count, uint32_t sparsity) {
    engine_layer *layer = &self->layers[l];
    for (uint32_t image = 0; image < count; image++) {
        int32_t *error = batch.error + image * layer->in_count;
        select(self, l, image);
        if (layer->config.operation == ENGINE_CONV2D) {
            self->kernels->convolution_error(layer, error, self->channel_weights);
        } else {
            linear_error(self, layer, error);
        }
    }
    layer->error_shift = subtract_to_zero(bits_of(batch.error, count * layer->in_count), 7);
    const int32_t penalty = (int32_t)((sparsity << layer->error_shift) / SPARSITY_UNITS);
    const int8_t *input = batch.layers[l].input;
    int8_t *below = batch.layers[l - 1].delta;
    for (uint32_t i = 0; i < count * layer->in_count; i++) {
        const bool flows = !layer->below_has_relu || input[i] > 0;
        below[i] = flows ? clamp_int8(round_shift(batch.error[i] + penalty, layer->error_shift)) : 0;
    }
}

/* G summed over the batch, by edge index. */
static void sum_gradients(engine *self, uint32_t l, uint32_t count) {
    engine_layer *layer = &self->layers[l];
    const uint32_t outputs = layer->config.out_channels;
    memset(batch.gradient, 0, layer->edges * sizeof *batch.gradient);
    for (uint32_t image = 0; image < count; image++) {
        select(self, l, image);
        if (layer->config.operation == ENGINE_LINEAR) {
            for (uint32_t i = 0; i < layer->in_count; i++) {
                if (layer->input[i] != 0) {
                    self->kernels->add_scaled_row(batch.gradient + i * outputs, layer->delta, layer->input[i], outputs);
                }
            }
            continue;
        }
        for (uint32_t o = 0; o < outputs; o++) {
            int32_t *sum = batch.gradient + o * layer->fan_in;
            self->kernels->convolution_gradient(layer, o, batch.channel_gradient);
            for (uint32_t tap = 0; tap < layer->fan_in; tap++) {
                sum[tap] += batch.channel_gradient[tap];
            }
        }
    }
}

static uint32_t weighted_bits(const engine_layer *layer) {
    const int8_t *weights = layer->state;
    uint64_t maximum = 0;
    for (uint32_t edge = 0; edge < layer->edges; edge++) {
        const uint64_t magnitude = (uint64_t)absolute(batch.gradient[edge]) * (uint32_t)absolute(weights[edge]);
        maximum = magnitude > maximum ? magnitude : maximum;
    }
    return bit_width(maximum > INT32_MAX ? INT32_MAX : (uint32_t)maximum);
}

static void update_weights(engine *self, engine_layer *layer, uint32_t shift) {
    int8_t *weights = layer->state;
    for (uint32_t edge = 0; edge < layer->edges; edge++) {
        weights[edge] = clamp_int8(weights[edge] - clamp_int8(pseudo_stochastic_shift(batch.gradient[edge], shift)));
    }
    self->effective_stale = true;
}

uint32_t pretraining_batch(const uint8_t *labels, uint32_t count, bool update, uint32_t mu, uint32_t sparsity,
                           pretraining_layer_statistics *statistics, bool *any_loss) {
    engine *self = engine_instance();
    forward(self, count);
    const uint32_t correct = loss(self, labels, count, any_loss);
    for (uint32_t l = self->layer_count; l-- > 0;) {
        engine_layer *layer = &self->layers[l];
        statistics[l] = (pretraining_layer_statistics){.activation_shift = layer->activation_shift};
        if (!*any_loss) {
            continue;
        }
        if (l > 0) {
            const bool penalised = update && self->layers[l - 1].config.operation == ENGINE_CONV2D;
            backward_error(self, l, count, penalised ? sparsity : 0);
            statistics[l].error_shift = layer->error_shift;
        }
        sum_gradients(self, l, count);
        statistics[l].gradient_bits = bits_of(batch.gradient, layer->edges);
        if (update) {
            update_weights(self, layer, subtract_to_zero(statistics[l].gradient_bits, mu));
        } else {
            statistics[l].weighted_gradient_bits = weighted_bits(layer);
        }
    }
    return correct;
}
