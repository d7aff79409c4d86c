/* Kernels for the Cortex-M0+: they walk lists of non-zero inputs and deltas, and leave the dense inner loops to
 * assembly. A layer of a shape they are not made for, or without memory of its own, is left to the plain kernels. */
#include "../../arithmetic.h"
#include "../kernels.h"
#include "../sparse.h"
#include "m0plus.h"

#include <string.h>

#define GROUP 8u /* output channels at a time */
#define MAX_KERNEL 16u
#define MAX_DELTA_LIST_BYTES 16384u
#define WORK_ITEMS 512u    /* of the list handed to the assembly */
#define LANE_INPUT_SUM 257 /* of inputs that a 16-bit lane can take: 257 * 255 = 65535 */
#define WEIGHT_BIAS 128

/* What is kept for a layer from its forward pass to its update. */
typedef struct {
    int32_t *wide;          /* convolutions: effective weights, HWIO, widened */
    sparse_element *inputs; /* the non-zero elements of the input */
    uint32_t input_count;
    uint16_t *starts;   /* convolutions: of each pixel */
    int8_t *by_channel; /* convolutions: effective weights, OHWI, for errors */
} layer_memory;

static bool is_convolution(const engine_layer *layer) {
    return layer->config.operation == ENGINE_CONV2D;
}

static uint32_t pixel_count(const engine_layer *layer) {
    return layer->config.in_height * layer->config.in_width;
}

/* Whether the layer's shape is one these kernels are made for. */
static bool suits(const engine_layer *layer) {
    return layer->config.out_channels % GROUP == 0 &&
           (!is_convolution(layer) || (layer->fan_in + 2 <= WORK_ITEMS && layer->config.kernel <= MAX_KERNEL));
}

static uint32_t memory_bytes(const engine_layer *layer) {
    if (!suits(layer)) {
        return 0;
    }
    uint32_t bytes = (uint32_t)sizeof(layer_memory) + layer->in_count * (uint32_t)sizeof(sparse_element);
    if (is_convolution(layer)) {
        bytes += layer->edges * (uint32_t)(sizeof(int32_t) + sizeof(int8_t)) +
                 (pixel_count(layer) + 1) * (uint32_t)sizeof(uint16_t);
    }
    return bytes;
}

/* Convolutions of one channel with stride 1 scatter: an input's products with a kernel row fall on neighbouring
 * accumulators, when that row's taps lie the other way round. The others gather the inputs of a window. */
static bool scatters(const engine_layer *layer) {
    return layer->config.in_channels == 1 && layer->config.stride == 1;
}

/* Bytes of a layer's deltas listed by pixel. */
static uint32_t delta_list_bytes(const engine_layer *layer) {
    return layer->out_count * (uint32_t)sizeof(sparse_element) +
           (layer->conv_height * layer->conv_width + 1) * (uint32_t)sizeof(uint16_t);
}

/* Whether errors can be gathered for the positive inputs alone. The deltas of a window must fit into the error
 * accumulators' place. */
static bool gathers_errors(const engine_layer *layer) {
    const uint32_t window = layer->config.kernel * layer->config.kernel * layer->config.out_channels;
    return suits(layer) && is_convolution(layer) && layer->config.stride == 1 && layer->below_has_relu &&
           delta_list_bytes(layer) <= MAX_DELTA_LIST_BYTES &&
           window * sizeof(engine_sparse_delta) <= layer->in_count * sizeof(int32_t);
}

static uint32_t scratch_bytes(const engine_layer *layer) {
    if (!suits(layer)) {
        return 0;
    }
    const uint32_t work = WORK_ITEMS * (uint32_t)sizeof(m0plus_work);
    return gathers_errors(layer) && delta_list_bytes(layer) > work ? delta_list_bytes(layer) : work;
}

static void PRIOT_HOT clear_words(uint32_t *words, uint32_t count) {
    uint32_t *const end = words + count;
    for (; words + 4 <= end; words += 4) {
        words[0] = 0;
        words[1] = 0;
        words[2] = 0;
        words[3] = 0;
    }
    while (words < end) {
        *words++ = 0;
    }
}

/* Copies of a convolution's effective weights in the orders that forward pass and errors want. */
static void PRIOT_HOT copy_weights(const engine_layer *layer, const layer_memory *memory) {
    const uint32_t outputs = layer->config.out_channels, kernel = layer->config.kernel;
    const int8_t *effective = layer->effective;
    for (uint32_t tap = 0; tap < layer->fan_in; tap++) {
        const uint32_t kx = tap % kernel;
        int32_t *wide = memory->wide + (scatters(layer) ? tap - kx + (kernel - 1 - kx) : tap) * outputs;
        for (uint32_t o = 0; o < outputs; o++) {
            *wide++ = *effective;
            memory->by_channel[o * layer->fan_in + tap] = *effective++;
        }
    }
}

static void PRIOT_HOT prepare(engine_layer *layer) {
    layer_memory *memory = layer->kernel_memory;
    if (memory == NULL) {
        return;
    }
    memory->inputs = (sparse_element *)(memory + 1);
    if (!is_convolution(layer)) {
        memory->input_count = sparse_list_vector(layer->input, layer->in_count, memory->inputs);
        return;
    }
    memory->wide = (int32_t *)(memory->inputs + layer->in_count);
    memory->starts = (uint16_t *)(memory->wide + layer->edges);
    memory->by_channel = (int8_t *)(memory->starts + pixel_count(layer) + 1);
    memory->input_count =
        sparse_list_map(layer->input, pixel_count(layer), layer->config.in_channels, memory->inputs, memory->starts);
    if (layer->effective_changed) {
        copy_weights(layer, memory);
        layer->effective_changed = false;
    }
}

static void PRIOT_HOT scatter_row(const engine_layer *layer, const layer_memory *memory, uint32_t ky, uint32_t iy,
                                  int32_t *acc) {
    const engine_layer_config *config = &layer->config;
    const uint32_t outputs = config->out_channels, kernel = config->kernel;
    const uint32_t first_pixel = iy * config->in_width;
    const int32_t *weights = memory->wide + ky * kernel * outputs;
    const sparse_element *element = memory->inputs + memory->starts[first_pixel];
    const sparse_element *end = memory->inputs + memory->starts[first_pixel + config->in_width];
    for (; element < end; element++) {
        /* taps kernel - 1 .. 0 fall on columns left .. left + kernel - 1 */
        const int32_t left = (int32_t)(sparse_index(*element) - first_pixel + config->padding + 1) - (int32_t)kernel;
        const uint32_t skipped = left < 0 ? (uint32_t)-left : 0;
        const uint32_t room = (uint32_t)((int32_t)layer->conv_width - left);
        const uint32_t count = (room < kernel ? room : kernel) - skipped;
        m0plus_scatter(acc + (uint32_t)(left + (int32_t)skipped) * outputs, weights + skipped * outputs,
                       sparse_value(*element), count * outputs);
    }
}

/* One kernel row of a window: where its map row's elements are listed, and the weights. */
typedef struct {
    const uint16_t *starts; /* of the map row */
    uintptr_t weights; /* of map element 0, were it at the window's left edge: may lie outside, is never read there */
} window_row;

/* The kernel rows inside the map at output row oy. */
static uint32_t list_window_rows(const engine_layer *layer, const layer_memory *memory, uint32_t oy, window_row *rows) {
    const engine_layer_config *config = &layer->config;
    const uint32_t element_bytes = config->out_channels * (uint32_t)sizeof(int32_t);
    uint32_t count = 0;
    for (uint32_t ky = 0; ky < config->kernel; ky++) {
        const uint32_t iy = oy * config->stride + ky - config->padding; /* wraps above the map */
        if (iy < config->in_height) {
            const uint32_t pixel = iy * config->in_width;
            const uint32_t elements = (ky * config->kernel - pixel) * config->in_channels; /* wraps, as pointers do */
            rows[count++] = (window_row){memory->starts + pixel,
                                         (uintptr_t)memory->wide + (uintptr_t)(int32_t)(elements * element_bytes)};
        }
    }
    return count;
}

static void PRIOT_HOT run_groups(m0plus_work *work, m0plus_work *end, uint32_t outputs) {
    if (end == work) {
        return;
    }
    *end = (m0plus_work){0, 0};
    for (uint32_t group = 0; group < outputs; group += GROUP) {
        m0plus_gather8(work, group * sizeof(int32_t));
    }
}

/* Accumulators of one output row by gathering. */
static void PRIOT_HOT gather_row(const engine_layer *layer, const layer_memory *memory, uint32_t oy, int32_t *acc) {
    const engine_layer_config *config = &layer->config;
    const uint32_t outputs = config->out_channels, element_bytes = outputs * (uint32_t)sizeof(int32_t);
    const uint32_t step_bytes = config->stride * config->in_channels * element_bytes;
    const int32_t width = (int32_t)config->in_width, kernel = (int32_t)config->kernel;
    m0plus_work *const work = layer->kernel_scratch;
    m0plus_work *const full = work + WORK_ITEMS - layer->fan_in - 2; /* no room for one more window */
    m0plus_work *next = work;
    window_row rows[MAX_KERNEL];
    const uint32_t row_count = list_window_rows(layer, memory, oy, rows);
    const window_row *const rows_end = rows + row_count;
    int32_t left = -(int32_t)config->padding;
    uintptr_t shift = (uintptr_t)(left * (int32_t)(config->in_channels * element_bytes));
    for (uint32_t ox = 0; ox < layer->conv_width; ox++) {
        const uint32_t first = (uint32_t)(left < 0 ? 0 : left);
        const uint32_t last = (uint32_t)(left + kernel < width ? left + kernel : width);
        for (const window_row *row = rows; row < rows_end; row++) {
            const sparse_element *element = memory->inputs + row->starts[first];
            const sparse_element *const end = memory->inputs + row->starts[last];
            const uintptr_t weights = row->weights - shift;
            for (; element < end; element++, next++) {
                next->x = sparse_value(*element);
                next->place = weights + (uintptr_t)(sparse_index(*element) * element_bytes);
            }
        }
        *next++ = (m0plus_work){0, (uintptr_t)acc};
        acc += outputs;
        left += (int32_t)config->stride;
        shift += step_bytes;
        if (next > full) {
            run_groups(work, next, outputs);
            next = work;
        }
    }
    run_groups(work, next, outputs);
}

static void PRIOT_HOT convolution(const engine_layer *layer, uint32_t first_row, uint32_t rows, int32_t *acc) {
    const layer_memory *memory = layer->kernel_memory;
    if (memory == NULL) {
        engine_kernels_plain.convolution(layer, first_row, rows, acc);
        return;
    }
    const engine_layer_config *config = &layer->config;
    const uint32_t row_elements = layer->conv_width * config->out_channels;
    for (uint32_t oy = first_row; oy < first_row + rows; oy++, acc += row_elements) {
        if (!scatters(layer)) {
            gather_row(layer, memory, oy, acc);
            continue;
        }
        clear_words((uint32_t *)acc, row_elements);
        for (uint32_t ky = 0; ky < config->kernel; ky++) {
            const uint32_t iy = oy + ky - config->padding;
            if (iy < config->in_height) {
                scatter_row(layer, memory, ky, iy, acc);
            }
        }
    }
}

static void run_rows(m0plus_work *work, m0plus_work *end, uint32_t outputs, int32_t *acc) {
    *end = (m0plus_work){0, 0};
    for (uint32_t group = 0; group < outputs; group += GROUP) {
        m0plus_rows8(work, group, acc + group);
    }
}

/* Only for inputs of a ReLU, or of an image: lanes are unsigned. */
static bool is_unsigned(const engine_layer *layer) {
    return layer->below_has_relu;
}

static void PRIOT_HOT linear(const engine_layer *layer, int32_t *acc) {
    const layer_memory *memory = layer->kernel_memory;
    const uint32_t outputs = layer->config.out_channels;
    memset(acc, 0, outputs * sizeof *acc);
    if (memory == NULL || !is_unsigned(layer)) {
        for (uint32_t i = 0; i < layer->in_count; i++) {
            if (layer->input[i] != 0) {
                engine_kernels_plain.add_scaled_row(acc, layer->effective + i * outputs, layer->input[i], outputs);
            }
        }
        return;
    }
    m0plus_work *const work = layer->kernel_scratch;
    m0plus_work *const full = work + WORK_ITEMS - 3; /* an item, one that empties the lanes before it, and the end */
    m0plus_work *next = work;
    int32_t sum = 0, lane_sum = 0;
    for (uint32_t i = 0; i < memory->input_count; i++) {
        const sparse_element element = memory->inputs[i];
        const int32_t x = sparse_value(element);
        sum += x;
        lane_sum += x;
        if (next > full) {
            run_rows(work, next, outputs, acc);
            next = work;
            lane_sum = x;
        } else if (lane_sum > LANE_INPUT_SUM) {
            *next++ = (m0plus_work){0, 1};
            lane_sum = x;
        }
        *next++ = (m0plus_work){x, (uintptr_t)(layer->effective + sparse_index(element) * outputs)};
    }
    run_rows(work, next, outputs, acc);
    for (uint32_t o = 0; o < outputs; o++) {
        acc[o] -= WEIGHT_BIAS * sum;
    }
}

/* Adds one delta's products with the inputs of its window at (oy, ox). */
static void PRIOT_HOT add_window(const engine_layer *layer, const layer_memory *memory, uint32_t oy, uint32_t ox,
                                 int32_t delta, int32_t *gradient) {
    const engine_layer_config *config = &layer->config;
    const uint32_t width = config->in_width, channels = config->in_channels;
    const int32_t left = (int32_t)(ox * config->stride) - (int32_t)config->padding;
    const int32_t right = left + (int32_t)config->kernel;
    const uint32_t first = (uint32_t)(left < 0 ? 0 : left), last = (uint32_t)right < width ? (uint32_t)right : width;
    const uint32_t row_step = config->kernel * channels - width * channels; /* of tap less map index; wraps */
    uint32_t iy = oy * config->stride - config->padding;                    /* wraps above the map */
    uint32_t tap = 0u - (iy * width + (uint32_t)left) * channels;           /* of map element 0; wraps */
    const uint16_t *starts = memory->starts + (int32_t)(iy * width);
    for (uint32_t ky = 0; ky < config->kernel; ky++, iy++, tap += row_step, starts += width) {
        if (iy >= config->in_height) {
            continue;
        }
        const sparse_element *element = memory->inputs + starts[first];
        const sparse_element *const end = memory->inputs + starts[last];
        for (; element < end; element++) {
            gradient[(uint32_t)(tap + sparse_index(*element))] += delta * sparse_value(*element);
        }
    }
}

static void PRIOT_HOT convolution_gradient(const engine_layer *layer, uint32_t channel, int32_t *gradient) {
    const layer_memory *memory = layer->kernel_memory;
    if (memory == NULL) {
        engine_kernels_plain.convolution_gradient(layer, channel, gradient);
        return;
    }
    const uint32_t outputs = layer->config.out_channels;
    clear_words((uint32_t *)gradient, layer->fan_in);
    uint32_t index = channel;
    for (uint32_t y = 0; y < layer->out_height; y++) {
        for (uint32_t x = 0; x < layer->out_width; x++, index += outputs) {
            const int32_t delta = layer->delta[index];
            if (delta == 0) {
                continue;
            }
            if (layer->config.pool) {
                const uint32_t position = layer->positions[index];
                add_window(layer, memory, 2 * y + (position >> 1), 2 * x + (position & 1), delta, gradient);
            } else {
                add_window(layer, memory, y, x, delta, gradient);
            }
        }
    }
}

/* Deltas of the layer below, where the inputs are positive; elsewhere they are 0. */
static void PRIOT_HOT linear_below(const engine_layer *layer, const engine_sparse_delta *deltas, uint32_t count,
                                   int8_t *below) {
    const layer_memory *memory = layer->kernel_memory;
    if (memory == NULL || !layer->below_has_relu) {
        for (uint32_t i = 0; i < layer->in_count; i++) {
            below[i] = 0;
            if (engine_has_error(layer, i)) {
                const int8_t *row = layer->effective + i * layer->config.out_channels;
                below[i] =
                    clamp_int8(round_shift(engine_kernels_plain.sparse_dot(row, deltas, count), layer->error_shift));
            }
        }
        return;
    }
    memset(below, 0, layer->in_count);
    const engine_sparse_delta *const deltas_end = deltas + count;
    const sparse_element *const end = memory->inputs + memory->input_count;
    for (const sparse_element *element = memory->inputs; element < end; element++) {
        const uint32_t input = sparse_index(*element);
        const int8_t *row = layer->effective + input * layer->config.out_channels;
        int32_t error = 0;
        for (const engine_sparse_delta *delta = deltas; delta < deltas_end; delta++) {
            error += delta->delta * row[delta->output];
        }
        below[input] = clamp_int8(round_shift(error, layer->error_shift));
    }
}

/* A convolution's deltas by pixel of its accumulator map, so that an input finds those of the outputs it took part in.
 */
static void PRIOT_HOT list_deltas(const engine_layer *layer, uint16_t *starts, uint32_t *list) {
    const uint32_t outputs = layer->config.out_channels, pixels = layer->conv_height * layer->conv_width;
    const bool pool = layer->config.pool;
    for (uint32_t i = 0; i <= pixels; i++) {
        starts[i] = 0;
    }
    /* Twice over the deltas: the first time counts each pixel's, the second puts them into place. */
    for (uint32_t pass = 0; pass < 2; pass++) {
        uint32_t index = 0;
        for (uint32_t y = 0; y < layer->out_height; y++) {
            for (uint32_t x = 0; x < layer->out_width; x++) {
                for (uint32_t o = 0; o < outputs; o++, index++) {
                    const int8_t delta = layer->delta[index];
                    if (delta == 0) {
                        continue;
                    }
                    uint32_t pixel = y * layer->conv_width + x;
                    if (pool) {
                        const uint32_t position = layer->positions[index];
                        pixel = (2 * y + (position >> 1)) * layer->conv_width + 2 * x + (position & 1);
                    }
                    if (pass == 0) {
                        starts[pixel]++;
                    } else {
                        list[--starts[pixel]] = sparse_pack(o, delta);
                    }
                }
            }
        }
        /* After the first pass each count becomes the end of its pixel's part; the second counts them down to starts.
         */
        for (uint32_t i = 0, sum = 0; pass == 0 && i <= pixels; i++) {
            sum += starts[i];
            starts[i] = (uint16_t)sum;
        }
    }
}

/* As linear_below, for a convolution of stride 1: for each positive input the deltas that its window of outputs holds.
 */
static void PRIOT_HOT convolution_below(const engine_layer *layer, int32_t *error, int8_t *channel_weights,
                                        int8_t *below) {
    if (layer->kernel_memory == NULL || !gathers_errors(layer)) {
        engine_kernels_plain.convolution_error(layer, error, channel_weights);
        engine_requantise_errors(layer, error, below);
        return;
    }
    const layer_memory *memory = layer->kernel_memory;
    const engine_layer_config *config = &layer->config;
    const uint32_t channels = config->in_channels, kernel = config->kernel;
    uint32_t *const list = layer->kernel_scratch;
    uint16_t *const starts = (uint16_t *)(list + layer->out_count);
    engine_sparse_delta *const window = (engine_sparse_delta *)error; /* {offset of a channel's weights, delta} */
    list_deltas(layer, starts, list);
    memset(below, 0, layer->in_count);
    uint32_t pixel = 0;
    for (uint32_t iy = 0; iy < config->in_height; iy++) {
        for (uint32_t ix = 0; ix < config->in_width; ix++, pixel++) {
            const sparse_element *element = memory->inputs + memory->starts[pixel];
            const sparse_element *const end = memory->inputs + memory->starts[pixel + 1];
            if (element == end) {
                continue;
            }
            engine_sparse_delta *next = window;
            for (uint32_t ky = 0; ky < kernel; ky++) {
                const uint32_t oy = iy + config->padding - ky;
                if (oy >= layer->conv_height) {
                    continue;
                }
                /* kernel column kx of output column ix + padding - kx: columns go up as kx goes down */
                const int32_t rightmost = (int32_t)(ix + config->padding), leftmost = rightmost - (int32_t)kernel + 1;
                const uint32_t first = (uint32_t)(leftmost < 0 ? 0 : leftmost);
                for (uint32_t ox = first; ox <= (uint32_t)rightmost && ox < layer->conv_width; ox++) {
                    const uint32_t tap = ky * kernel + (uint32_t)rightmost - ox;
                    const uint16_t *start = starts + oy * layer->conv_width + ox;
                    for (uint32_t d = start[0]; d < start[1]; d++) {
                        *next++ =
                            (engine_sparse_delta){.output = (sparse_index(list[d]) * kernel * kernel + tap) * channels,
                                                  .delta = sparse_value(list[d])};
                    }
                }
            }
            for (; element < end; element++) {
                const uint32_t input = sparse_index(*element);
                const int8_t *weights = memory->by_channel + (input - pixel * channels);
                int32_t sum = 0;
                for (const engine_sparse_delta *delta = window; delta < next; delta++) {
                    sum += delta->delta * weights[delta->output];
                }
                below[input] = clamp_int8(round_shift(sum, layer->error_shift));
            }
        }
    }
}

/* An output whose four accumulators are all at most 0 is the most frequent one, and its position is never asked for. */
static void PRIOT_HOT requantise_row(const engine_layer *layer, const int32_t *acc, uint32_t out_row) {
    if (!layer->config.pool || !layer->config.relu) {
        engine_kernels_plain.requantise_row(layer, acc, out_row);
        return;
    }
    const uint32_t outputs = layer->config.out_channels, shift = layer->activation_shift;
    const uint32_t count = layer->out_width * outputs, below = layer->conv_width * outputs;
    const int32_t half = shift == 0 ? 0 : (int32_t)(1u << (shift - 1));
    int8_t *out = layer->output + out_row * count;
    uint8_t *positions = layer->positions + out_row * count;
    for (const int8_t *end = out + count; out < end; acc += outputs) {
        const int32_t *right = acc + outputs, *under = acc + below, *across = under + outputs;
        for (const int8_t *pixel_end = out + outputs; out < pixel_end; out++, positions++) {
            int32_t best = *acc++;
            const int32_t second = *right++, third = *under++, fourth = *across++;
            uint8_t position = 0;
            if (second > best) {
                best = second;
                position = 1;
            }
            if (third > best) {
                best = third;
                position = 2;
            }
            if (fourth > best) {
                best = fourth;
                position = 3;
            }
            if (best <= 0) {
                *out = 0;
                continue;
            }
            best = (best + half) >> shift;
            *out = (int8_t)(best > INT8_LIMIT ? INT8_LIMIT : best);
            *positions = position;
        }
    }
}

static void add_scaled_row(int32_t *restrict acc, const int8_t *restrict row, int32_t x, uint32_t count) {
    engine_kernels_plain.add_scaled_row(acc, row, x, count);
}

static int32_t sparse_dot(const int8_t *row, const engine_sparse_delta *deltas, uint32_t count) {
    return engine_kernels_plain.sparse_dot(row, deltas, count);
}

static void convolution_error(const engine_layer *layer, int32_t *error, int8_t *channel_weights) {
    engine_kernels_plain.convolution_error(layer, error, channel_weights);
}

static void update_scores(const engine_score_row *row, int32_t x, const engine_sparse_delta *deltas, uint32_t count) {
    m0plus_update_scores(row, x, deltas, deltas + count);
}

const engine_kernel_table engine_kernels_m0plus = {
    .memory_bytes = memory_bytes,
    .scratch_bytes = scratch_bytes,
    .prepare = prepare,
    .convolution = convolution,
    .linear = linear,
    .add_scaled_row = add_scaled_row,
    .requantise_row = requantise_row,
    .sparse_dot = sparse_dot,
    .convolution_error = convolution_error,
    .convolution_below = convolution_below,
    .linear_below = linear_below,
    .convolution_gradient = convolution_gradient,
    .update_scores = update_scores,
};
