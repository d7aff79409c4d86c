/* Convolutions, depthwise ones too. */
#include "../arithmetic.h"
#include "../cores.h"
#include "../deltas.h"
#include "../kernels/kernels.h"
#include "operations.h"

/* Positions that a window has along a side; 0: none. */
static uint32_t positions(uint32_t side, uint32_t before, uint32_t after, uint32_t kernel, uint32_t stride) {
    const uint32_t padded = side + before + after;
    return padded < kernel ? 0 : (padded - kernel) / stride + 1;
}

static engine_status check_window(const engine_checker *check, const engine_layer_config *config) {
    const uint32_t sizes[] = {config->kernel, config->kernel_columns, config->stride, config->stride_columns};
    for (uint32_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        if (sizes[i] == 0 || sizes[i] > ENGINE_MAX_WINDOW) {
            return engine_refuse(check, ENGINE_BAD_NETWORK, "kernel and stride must be 1..65535", sizes[i]);
        }
    }
    const uint32_t paddings[] = {config->padding, config->padding_left, config->padding_bottom, config->padding_right};
    for (uint32_t i = 0; i < sizeof paddings / sizeof *paddings; i++) {
        if (paddings[i] > ENGINE_MAX_WINDOW) {
            return engine_refuse(check, ENGINE_BAD_NETWORK, "padding must be 0..65535", paddings[i]);
        }
    }
    return ENGINE_OK;
}

static engine_status check(const engine_checker *check, engine_layer *layer) {
    const engine_layer_config *config = &layer->config;
    engine_layer_shape *shape = &layer->shape;
    const engine_status status = check_window(check, config);
    if (status != ENGINE_OK) {
        return status;
    }
    if (config->depthwise && config->out_channels != config->in_channels) {
        return engine_refuse(check, ENGINE_BAD_NETWORK, "a depthwise convolution has as many outputs as inputs",
                             config->out_channels);
    }
    shape->conv_height =
        positions(config->in_height, config->padding, config->padding_bottom, config->kernel, config->stride);
    shape->conv_width = positions(config->in_width, config->padding_left, config->padding_right, config->kernel_columns,
                                  config->stride_columns);
    if (shape->conv_height == 0 || shape->conv_width == 0) {
        return engine_refuse(check, ENGINE_BAD_NETWORK, "the kernel is larger than the padded map", config->kernel);
    }
    shape->out_height = config->pool ? shape->conv_height / 2 : shape->conv_height;
    shape->out_width = config->pool ? shape->conv_width / 2 : shape->conv_width;
    if (shape->out_height == 0 || shape->out_width == 0) {
        return engine_refuse(check, ENGINE_BAD_NETWORK, "nothing is left after the pool", 0);
    }
    const uint64_t fan_in = (uint64_t)config->kernel * config->kernel_columns * engine_window_channels(config);
    if (fan_in > ENGINE_MAX_EDGES) {
        return engine_refuse(check, ENGINE_BAD_NETWORK, "the network has too many edges", (int64_t)fan_in);
    }
    shape->fan_in = (uint32_t)fan_in;
    return ENGINE_OK;
}

/* Indices in a row are bytes. */
static bool streams(const engine_layer *layer) {
    return !layer->config.depthwise && layer->config.out_channels <= UINT8_MAX + 1u;
}

static void group_edges(engine_layer *layer) {
    engine_layer_shape *shape = &layer->shape;
    const uint32_t outputs = layer->config.out_channels;
    shape->groups = layer->memory.streamed ? shape->fan_in : outputs;
    shape->group_size = layer->memory.streamed ? outputs : shape->fan_in;
    shape->group_pitch = 1;
    shape->edge_pitch = outputs;
}

/* Consecutive outputs on one input, along a side, whose delta can be non-zero: under a pool one of two neighbours. */
static uint64_t deltas_on_one_input(const engine_layer_config *config, uint32_t kernel, uint32_t stride) {
    const uint64_t outputs = (kernel + stride - 1) / stride;
    return config->pool ? outputs / 2 + 1 : outputs;
}

static engine_bounds bounds(const engine_layer *layer) {
    const engine_layer_config *config = &layer->config;
    const uint64_t product = (uint64_t)INT8_LIMIT * INT8_LIMIT;
    const uint64_t deltas = deltas_on_one_input(config, config->kernel, config->stride) *
                            deltas_on_one_input(config, config->kernel_columns, config->stride_columns);
    return (engine_bounds){
        .accumulator = layer->shape.fan_in * product,
        .error = deltas * (config->depthwise ? 1 : config->out_channels) * product,
        /* of the positions that a delta can be at, under a pool one in four */
        .gradient = (uint64_t)layer->shape.out_height * layer->shape.out_width * product,
    };
}

static engine_scratch scratch(const engine_layer *layer, bool dynamic_shifts) {
    const engine_layer_shape *shape = &layer->shape;
    const uint32_t rows = dynamic_shifts ? shape->conv_height : layer->config.pool ? 2 : 1;
    uint32_t sums = rows * shape->conv_width * layer->config.out_channels;
    if (layer->memory.streamed) {
        return (engine_scratch){.sums = sums, .row = layer->config.out_channels};
    }
    const uint32_t second_sums = dynamic_shifts ? 0 : larger_of(sums, shape->fan_in);
    sums = larger_of(sums, shape->is_first ? 0 : shape->in_count);
    sums = larger_of(sums, dynamic_shifts ? shape->edges : shape->fan_in);
    return (engine_scratch){
        .sums = sums, .channel_weights = shape->is_first ? 0 : shape->fan_in, .second_sums = second_sums};
}

static uint32_t edge_index(const engine_layer *layer, uint32_t canonical) {
    if (!layer->memory.streamed) {
        return canonical;
    }
    const uint32_t fan_in = layer->shape.fan_in;
    return canonical % fan_in * layer->config.out_channels + canonical / fan_in;
}

static const engine_window_kernels *kernels_of(const engine_layer *layer) {
    return layer->config.depthwise ? layer->kernels->depthwise : layer->kernels->convolution;
}

static void accumulate(const engine *self, const engine_layer *layer, bool frozen, int32_t *acc) {
    (void)self;
    (void)frozen;
    kernels_of(layer)->accumulate(layer, 0, layer->shape.conv_height, acc);
}

static void errors(const engine *self, const engine_layer *layer, int32_t *error) {
    kernels_of(layer)->errors(layer, error, self->channel_weights);
}

static void gradients(engine_layer *layer, const engine_gradient_sink *sink) {
    kernels_of(layer)->gradients(layer, 0, layer->config.out_channels, sink);
}

static engine_streamed_rows streamed_rows(const engine *self, const engine_layer *layer, bool frozen) {
    return (engine_streamed_rows){self->method->effective_row, frozen, self->method->scored_rows(layer)};
}

/* What two cores share of a layer. */
typedef struct {
    const engine *self;
    engine_layer *layer;
    engine_division items; /* output rows, or halves of them; or groups of output channels */
    bool halves;
    uint32_t changed_channels; /* by the second core */
} shared_work;

static void make_row(const engine_layer *layer, bool halves, uint32_t row, int32_t *acc) {
    const engine_window_kernels *kernels = kernels_of(layer);
    if (halves) {
        kernels->half_row(layer, row);
        return;
    }
    if (kernels->rows != NULL) {
        kernels->rows(layer, row, row + 1, acc);
        return;
    }
    const uint32_t rows = layer->config.pool ? 2 : 1;
    kernels->accumulate(layer, row * rows, (row + 1) * rows, acc);
    layer->kernels->requantise(layer, row, row + 1, acc);
}

/* The second core's part of the forward pass; and the next layer's weights, while the first one takes rows. */
static void make_second_rows(void *context) {
    shared_work *work = context;
    engine_layer *next = work->layer + 1;
    const engine_layer twin = engine_twin(work->self, work->layer);
    if (work->layer != engine_last_layer(work->self) && next->kernels->prepare_weights != NULL) {
        next->kernels->prepare_weights(next);
    }
    if (twin.kernels->prepare_twin != NULL) {
        twin.kernels->prepare_twin(work->layer, &twin);
    }
    for (uint32_t row; engine_take_high(&work->items, &row);) {
        make_row(&twin, work->halves, row, work->self->second.sums);
    }
}

static void forward_by_two(engine *self, uint32_t l) {
    engine_layer *layer = &self->layers[l];
    const engine_window_kernels *kernels = kernels_of(layer);
    const bool halves = kernels->halves_rows != NULL && kernels->halves_rows(layer);
    const uint32_t items = layer->shape.out_height * (halves ? 2 : 1);
    shared_work work = {.self = self, .layer = layer, .items = engine_divide(items), .halves = halves};
    engine_second_core_do(make_second_rows, &work);
    for (uint32_t row; engine_take_low(&work.items, &row);) {
        make_row(layer, halves, row, self->scratch);
    }
    engine_book(self, l, ENGINE_PHASE_FORWARD);
    engine_wait(self);
    for (uint32_t row; engine_take_low(&work.items, &row);) {
        make_row(layer, halves, row, self->scratch);
    }
    engine_book(self, l, ENGINE_PHASE_FORWARD);
}

/* Without a kernel for whole rows it goes row by row, so that only the accumulators of one output row are held. */
static void forward(engine *self, uint32_t l, bool frozen) {
    engine_layer *layer = &self->layers[l];
    const engine_window_kernels *kernels = kernels_of(layer);
    if (layer->memory.streamed) {
        const engine_streamed_rows rows = streamed_rows(self, layer, frozen);
        layer->kernels->streamed->forward(layer, &rows, self->scratch);
        engine_book(self, l, ENGINE_PHASE_FORWARD);
        return;
    }
    if (engine_has_two_cores(self)) {
        forward_by_two(self, l);
        return;
    }
    if (kernels->rows != NULL) {
        kernels->rows(layer, 0, layer->shape.out_height, self->scratch);
        engine_book(self, l, ENGINE_PHASE_FORWARD);
        return;
    }
    const uint32_t rows = layer->config.pool ? 2 : 1;
    for (uint32_t row = 0; row < layer->shape.out_height; row++) {
        kernels->accumulate(layer, row * rows, (row + 1) * rows, self->scratch);
        engine_book(self, l, ENGINE_PHASE_FORWARD);
        layer->kernels->requantise(layer, row, row + 1, self->scratch);
        engine_book(self, l, ENGINE_PHASE_REQUANTISE);
    }
}

static void fill_below(const engine *self, engine_layer *layer, int8_t *below) {
    const engine_window_kernels *kernels = kernels_of(layer);
    const bool dynamic = self->method->dynamic_shifts;
    if (layer->memory.streamed) {
        const engine_streamed_rows rows = streamed_rows(self, layer, false);
        layer->kernels->streamed->below(layer, &rows, below);
        return;
    }
    if (!dynamic && kernels->below != NULL) {
        kernels->below(layer, self->scratch, self->channel_weights, below);
        return;
    }
    errors(self, layer, self->scratch);
    if (dynamic) {
        layer->step.error_shift = dynamic_shift(self->scratch, layer->shape.in_count);
    }
    engine_requantise_errors(layer, self->scratch, below);
}

static void update(engine *self, engine_layer *layer) {
    const uint32_t fan_in = layer->shape.fan_in;
    if (layer->memory.streamed) {
        const engine_scored_groups groups = self->method->scored_rows(layer);
        layer->kernels->streamed->update(layer, &groups);
        return;
    }
    if (!self->method->dynamic_shifts) {
        const engine_gradient_sink sink = {.gradient = self->scratch, .take = self->method->update_channel};
        gradients(layer, &sink);
        return;
    }
    const engine_gradient_sink sink = {.gradient = self->scratch, .pitch = fan_in};
    gradients(layer, &sink);
    const uint32_t gradient = maximum_magnitude(self->scratch, layer->shape.edges);
    layer->step.update_shift = subtract_to_zero(bit_width(gradient), self->config.mu);
    for (uint32_t o = 0; o < layer->config.out_channels; o++) {
        self->method->update_channel(layer, o, self->scratch + o * fan_in);
    }
}

/* The kernels list deltas of so many channels at once. */
#define GROUP_CHANNELS 4u

static void update_group(engine_layer *layer, uint32_t group, const engine_gradient_sink *sink) {
    const uint32_t first = group * GROUP_CHANNELS, end = first + GROUP_CHANNELS;
    const uint32_t channels = layer->config.out_channels;
    kernels_of(layer)->gradients(layer, first, end < channels ? end : channels, sink);
}

static void update_second_groups(void *context) {
    shared_work *work = context;
    const engine *self = work->self;
    engine_layer twin = engine_twin(self, work->layer);
    engine_gradient_sink sink = {.gradient = self->second.sums, .take = self->method->update_channel};
    for (uint32_t group; engine_take_high(&work->items, &group); sink.begun = true) {
        update_group(&twin, group, &sink);
    }
    work->changed_channels = twin.step.changed_channels;
}

/* The first core's part of the update. */
static void update_first_groups(const engine *self, shared_work *work) {
    engine_gradient_sink sink = {.gradient = self->scratch, .take = self->method->update_channel};
    for (uint32_t group; engine_take_low(&work->items, &group); sink.begun = true) {
        update_group(work->layer, group, &sink);
    }
}

/* Where errors are made from copies of the weights, the second core updates meanwhile. */
static void backward_by_two(engine *self, uint32_t l, int8_t *below) {
    engine_layer *layer = &self->layers[l];
    const bool beside = below == NULL || (layer->kernels->below_reads_copies != NULL && !layer->config.depthwise &&
                                          layer->kernels->below_reads_copies(layer));
    if (!beside) {
        fill_below(self, layer, below);
        engine_book(self, l, ENGINE_PHASE_ERROR);
    }
    const uint32_t groups = (layer->config.out_channels + GROUP_CHANNELS - 1) / GROUP_CHANNELS;
    shared_work work = {.self = self, .layer = layer, .items = engine_divide(groups)};
    engine_second_core_do(update_second_groups, &work);
    if (beside && below != NULL) {
        fill_below(self, layer, below);
        engine_book(self, l, ENGINE_PHASE_ERROR);
    }
    update_first_groups(self, &work);
    engine_book(self, l, ENGINE_PHASE_UPDATE);
    engine_wait(self);
    update_first_groups(self, &work);
    layer->step.changed_channels |= work.changed_channels;
    engine_book(self, l, ENGINE_PHASE_UPDATE);
}

static void backward(engine *self, uint32_t l, int8_t *below) {
    engine_layer *layer = &self->layers[l];
    if (engine_has_two_cores(self) && !layer->memory.streamed && !self->method->dynamic_shifts) {
        backward_by_two(self, l, below);
        return;
    }
    if (below != NULL) {
        fill_below(self, layer, below);
        engine_book(self, l, ENGINE_PHASE_ERROR);
    }
    update(self, layer);
    engine_book(self, l, ENGINE_PHASE_UPDATE);
}

const engine_operation engine_operation_conv2d = {
    .learns = true,
    .reads_a_map = true,
    .check = check,
    .bounds = bounds,
    .scratch = scratch,
    .streams = streams,
    .group_edges = group_edges,
    .edge_index = edge_index,
    .accumulate = accumulate,
    .errors = errors,
    .gradients = gradients,
    .forward = forward,
    .backward = backward,
};
