#include "pretraining.h"

#include "../engine/arithmetic.h"
#include "../engine/deltas.h"
#include "../engine/operations/operations.h"
#include "../engine/passes.h"

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
    int32_t *group_gradient;
    uint8_t *free;
    uint32_t free_bytes;
    bool too_large; /* something did not fit */
} batch;

/* Takes `count` elements of `bytes` for each of `images` images. */
static void *take(uint32_t images, uint32_t count, uint32_t bytes) {
    const uint64_t rounded = ((uint64_t)images * count * bytes + 15u) & ~15ull;
    if (rounded > batch.free_bytes) {
        batch.too_large = true;
        return NULL;
    }
    void *place = batch.free;
    batch.free += rounded;
    batch.free_bytes -= (uint32_t)rounded;
    return place;
}

engine_status pretraining_open(uint32_t batch_size, engine_fault *fault) {
    engine *self = engine_instance();
    engine_memory_plan plan;
    const engine_arena arena = self->arena;
    const engine_limits limits = {.arena_bytes = arena.bytes};
    const engine_status status = engine_open(self, &limits, &plan, fault);
    if (status != ENGINE_OK) {
        return status;
    }
    batch.too_large = false;
    batch.batch_size = batch_size;
    batch.free = (uint8_t *)arena.base + plan.required_bytes;
    batch.free_bytes = arena.bytes - plan.required_bytes;
    uint32_t inputs = 0, edges = 0, group = 0;
    for (uint32_t l = 0; l < self->layer_count; l++) {
        const engine_layer *layer = &self->layers[l];
        if (layer->operation->bounds(layer).gradient * batch_size > INT32_MAX) {
            *fault = (engine_fault){.text = "the gradients of a batch could overflow", .layer = l + 1, .value = 0};
            return ENGINE_OVERFLOW;
        }
        batch.layers[l] = (batch_layer){
            .input = take(batch_size, layer->shape.in_count, 1),
            .acc = take(batch_size, engine_accumulator_count(layer), sizeof(int32_t)),
            .positions = take(batch_size, layer->shape.out_count, 1),
            .delta = take(batch_size, layer->shape.out_count, 1),
        };
        inputs = larger_of(inputs, layer->shape.in_count);
        edges = larger_of(edges, layer->shape.edges);
        group = larger_of(group, layer->shape.group_size);
    }
    batch.error = take(batch_size, inputs, sizeof(int32_t));
    batch.gradient = take(1, edges, sizeof(int32_t));
    batch.group_gradient = take(1, group, sizeof(int32_t));
    if (batch.too_large) {
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
    layer->step.input = tensors->input + image * layer->shape.in_count;
    layer->memory.positions = tensors->positions + image * layer->shape.out_count;
    layer->memory.delta = tensors->delta + image * layer->shape.out_count;
    layer->memory.output =
        l + 1 < self->layer_count ? batch.layers[l + 1].input + image * layer->shape.out_count : NULL;
    return layer;
}

static uint32_t bits_of(const int32_t *values, uint32_t count) {
    return bit_width(maximum_magnitude(values, count));
}

static void forward(engine *self, uint32_t count) {
    int32_t exponent = self->config.input_exponent;
    engine_refresh(self, false);
    for (uint32_t l = 0; l < self->layer_count; l++) {
        const uint32_t per_image = engine_accumulator_count(&self->layers[l]);
        exponent += self->layers[l].config.weight_exponent;
        engine_place_biases(self, &self->layers[l], exponent);
        for (uint32_t image = 0; image < count; image++) {
            engine_layer *layer = select(self, l, image);
            if (self->kernels->prepare != NULL) {
                self->kernels->prepare(layer);
            }
            layer->operation->accumulate(self, layer, false, batch.layers[l].acc + image * per_image);
        }
        engine_layer *layer = &self->layers[l];
        layer->step.activation_shift = dynamic_shift(batch.layers[l].acc, count * per_image);
        exponent += (int32_t)layer->step.activation_shift;
        for (uint32_t image = 0; l + 1 < self->layer_count && image < count; image++) {
            select(self, l, image);
            self->kernels->requantise(layer, 0, layer->shape.out_height, batch.layers[l].acc + image * per_image);
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

static void backward_error(engine *self, uint32_t l, uint32_t count, uint32_t sparsity) {
    engine_layer *layer = &self->layers[l];
    for (uint32_t image = 0; image < count; image++) {
        layer->operation->errors(self, select(self, l, image), batch.error + image * layer->shape.in_count);
    }
    layer->step.error_shift = dynamic_shift(batch.error, count * layer->shape.in_count);
    const int32_t penalty = (int32_t)((sparsity << layer->step.error_shift) / SPARSITY_UNITS);
    const int8_t *input = batch.layers[l].input;
    int8_t *below = batch.layers[l - 1].delta;
    for (uint32_t i = 0; i < count * layer->shape.in_count; i++) {
        const bool flows = !layer->shape.below_has_relu || input[i] > 0;
        below[i] = flows ? clamp_int8(round_shift(batch.error[i] + penalty, layer->step.error_shift)) : 0;
    }
}

static void add_to_sum(engine_layer *layer, uint32_t group, const int32_t *gradient) {
    const uint32_t size = layer->shape.group_size;
    int32_t *sum = batch.gradient + group * size;
    for (uint32_t i = 0; i < size; i++) {
        sum[i] += gradient[i];
    }
}

/* Sums G over the batch, by edge index. */
static void sum_gradients(engine *self, uint32_t l, uint32_t count) {
    const engine_gradient_sink sink = {.gradient = batch.group_gradient, .take = add_to_sum};
    memset(batch.gradient, 0, self->layers[l].shape.edges * sizeof *batch.gradient);
    for (uint32_t image = 0; image < count; image++) {
        engine_layer *layer = select(self, l, image);
        layer->operation->gradients(layer, &sink);
    }
}

static uint32_t weighted_bits(const engine_layer *layer) {
    const int8_t *weights = layer->memory.state;
    uint64_t maximum = 0;
    for (uint32_t edge = 0; edge < layer->shape.edges; edge++) {
        const uint64_t magnitude = (uint64_t)absolute(batch.gradient[edge]) * (uint32_t)absolute(weights[edge]);
        maximum = magnitude > maximum ? magnitude : maximum;
    }
    return bit_width(maximum > INT32_MAX ? INT32_MAX : (uint32_t)maximum);
}

static void update_weights(engine *self, engine_layer *layer, uint32_t shift) {
    int8_t *weights = layer->memory.state;
    for (uint32_t edge = 0; edge < layer->shape.edges; edge++) {
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
        statistics[l] = (pretraining_layer_statistics){.activation_shift = layer->step.activation_shift};
        if (!*any_loss) {
            continue;
        }
        if (l > 0) {
            const bool penalised = update && self->layers[l - 1].operation->reads_a_map;
            backward_error(self, l, count, penalised ? sparsity : 0);
            statistics[l].error_shift = layer->step.error_shift;
            statistics[l].error_bits = bits_of(batch.error, count * layer->shape.in_count);
        }
        statistics[l].delta_bits =
            bit_width(engine_largest_magnitude(batch.layers[l].delta, count * layer->shape.out_count));
        if (layer->shape.edges == 0) {
            continue;
        }
        sum_gradients(self, l, count);
        statistics[l].gradient_bits = bits_of(batch.gradient, layer->shape.edges);
        if (update) {
            update_weights(self, layer, subtract_to_zero(statistics[l].gradient_bits, mu));
        } else {
            statistics[l].weighted_gradient_bits = weighted_bits(layer);
        }
    }
    return correct;
}
