/* Forward pass of a streamed convolution: accumulators of a band of rows, to which block after block of input channels
 * adds its share, in the assembly that gathers windows of kept convolutions. They lie four windows together: a pool's,
 * where there is one, else four beside one another. */
#include "streamed_block.h"

#include "../../arithmetic.h"
#include "../window.h"

#include <string.h>

#define GROUP M0PLUS_STREAMED_GROUP

/* Lists the kernel rows of accumulator row oy that lie inside the map, of `channels` channels. */
static void list_rows(const engine_layer *layer, uint32_t oy, uint32_t channels, const m0plus_forward_scratch *scratch,
                      m0plus_window_row *row) {
    const engine_layer_config *config = &layer->config;
    const engine_taps inside =
        engine_taps_inside(oy, config->stride, scratch->padding, config->kernel, scratch->height);
    const uint32_t kernel_row = config->kernel * channels, map_row = scratch->width * channels;
    const uint16_t *starts = scratch->starts + inside.in * scratch->width;
    int32_t tap = (int32_t)(inside.first * kernel_row - inside.in * map_row);
    for (uint32_t ky = inside.first; ky < inside.last; ky++, row++, starts += scratch->width) {
        *row = (m0plus_window_row){.starts = starts, .tap = tap};
        tap += (int32_t)kernel_row - (int32_t)map_row;
    }
    row->starts = NULL;
}

static inline m0plus_window window_at(const engine_layer_config *config, uint32_t ox, uint32_t channels,
                                      const m0plus_forward_scratch *scratch, const m0plus_window_row *rows) {
    const int32_t left = (int32_t)(ox * config->stride) - (int32_t)scratch->padding;
    const int32_t right = left + (int32_t)config->kernel, width = (int32_t)scratch->width;
    return (m0plus_window){
        .rows = rows,
        .first = (uint32_t)(left < 0 ? 0 : left) * (uint32_t)sizeof(uint16_t),
        .last = (uint32_t)(right < width ? right : width) * (uint32_t)sizeof(uint16_t),
        .left = left * (int32_t)channels,
    };
}

/* Places the windows of a quad; their number. */
static uint32_t place_windows(const engine_layer *layer, uint32_t quad, uint32_t channels,
                              const m0plus_forward_scratch *scratch) {
    const engine_layer_config *config = &layer->config;
    m0plus_window *window = scratch->windows;
    if (config->pool) {
        for (uint32_t i = 0; i < M0PLUS_WINDOWS; i++) {
            window[i] = window_at(config, 2 * quad + (i & 1u), channels, scratch, scratch->rows[i >> 1]);
        }
        return M0PLUS_WINDOWS;
    }
    const uint32_t first = quad * M0PLUS_WINDOWS, left = layer->shape.out_width - first;
    const uint32_t count = left < M0PLUS_WINDOWS ? left : M0PLUS_WINDOWS;
    for (uint32_t i = 0; i < count; i++) {
        window[i] = window_at(config, first + i, channels, scratch, scratch->rows[0]);
    }
    return count;
}

/* Adds a block's share to the accumulators of an output row. `budgets`: of each group of outputs. */
static void add_row(const engine_layer *layer, uint32_t row, uint32_t channels, const uint32_t *budgets,
                    const m0plus_forward_scratch *scratch, int32_t *acc) {
    const uint32_t outputs = layer->config.out_channels, side = layer->config.pool ? 2 : 1;
    const uint32_t rows = m0plus_taps(layer) * channels;
    for (uint32_t i = 0; i < side; i++) {
        list_rows(layer, row * side + i, channels, scratch, scratch->rows[i]);
    }
    const int32_t sum_budget = INT16_MAX / layer->step.largest_weight;
    for (uint32_t quad = 0; quad < scratch->quads; quad++) {
        const m0plus_window *const end = scratch->windows + place_windows(layer, quad, channels, scratch);
        const uint32_t *budget = budgets;
        m0plus_streamed_gather gather = {
            .windows = scratch->windows,
            .windows_end = end,
            .inputs = scratch->inputs,
            .weights = scratch->weights,
            .acc = acc,
            .costs = (uint32_t)((uintptr_t)scratch->costs - (uintptr_t)scratch->starts),
            .sum_budget = (uint32_t)sum_budget,
        };
        for (uint32_t groups = outputs / GROUP; groups > 0; groups--) {
            gather.budget = *budget++;
            m0plus_streamed_gather16(&gather);
            gather.weights += rows * M0PLUS_GROUP;
            gather.acc += GROUP * M0PLUS_WINDOWS;
        }
        if (outputs % GROUP != 0) {
            const m0plus_gather last = {.windows = scratch->windows,
                                        .windows_end = end,
                                        .inputs = scratch->inputs,
                                        .weights = gather.weights,
                                        .acc = gather.acc,
                                        .budget = sum_budget,
                                        .adds = 1};
            m0plus_gather8(&last);
        }
        acc += outputs * M0PLUS_WINDOWS;
    }
}

/* Begins the accumulators of a band with the biases; NULL: there are none. */
static void begin_band(const engine_layer *layer, uint32_t quads, const int32_t *biases, int32_t *acc) {
    const uint32_t outputs = layer->config.out_channels;
    if (biases == NULL) {
        memset(acc, 0, quads * outputs * M0PLUS_WINDOWS * sizeof *acc);
        return;
    }
    for (; quads > 0; quads--) {
        for (uint32_t o = 0; o < outputs; o++, acc += M0PLUS_WINDOWS) {
            const int32_t bias = biases[o];
            acc[0] = bias;
            acc[1] = bias;
            acc[2] = bias;
            acc[3] = bias;
        }
    }
}

static inline int8_t requantise(const engine_layer *layer, int32_t acc) {
    return layer->config.relu && acc <= 0 ? 0 : clamp_int8(round_shift(acc, layer->step.activation_shift));
}

static void requantise_pool(const engine_layer *layer, const int32_t *acc, int8_t *out, uint8_t *positions) {
    for (uint32_t o = 0; o < layer->config.out_channels; o++, acc += M0PLUS_WINDOWS) {
        uint8_t position = 0;
        for (uint8_t window = 1; window < M0PLUS_WINDOWS; window++) {
            position = acc[window] > acc[position] ? window : position;
        }
        out[o] = requantise(layer, acc[position]);
        positions[o] = position;
    }
}

static void requantise_windows(const engine_layer *layer, const int32_t *acc, uint32_t count, int8_t *out) {
    const uint32_t outputs = layer->config.out_channels;
    for (uint32_t window = 0; window < count; window++, acc++, out += outputs) {
        for (uint32_t o = 0; o < outputs; o++) {
            out[o] = requantise(layer, acc[o * M0PLUS_WINDOWS]);
        }
    }
}

/* Makes output row `row` from its accumulators. `biases`: those that they do not hold yet; NULL: they hold them. */
static void requantise_row(const engine_layer *layer, uint32_t row, uint32_t quads, const int32_t *biases,
                           const int32_t *acc) {
    const uint32_t outputs = layer->config.out_channels, width = layer->shape.out_width;
    const uint32_t first = row * width * outputs, quad_acc = outputs * M0PLUS_WINDOWS;
    int8_t *out = layer->memory.output + first;
    if (!layer->config.pool) {
        for (uint32_t x = 0; x < width; x += M0PLUS_WINDOWS, acc += quad_acc) {
            const uint32_t count = width - x < M0PLUS_WINDOWS ? width - x : M0PLUS_WINDOWS;
            requantise_windows(layer, acc, count, out + x * outputs);
        }
        return;
    }
    uint8_t *positions = layer->memory.positions + first;
    memset(out, 0, width * outputs);
    for (; quads > 0; quads--, acc += quad_acc, out += outputs, positions += outputs) {
        if (!layer->config.relu) {
            requantise_pool(layer, acc, out, positions);
            continue;
        }
        for (uint32_t o = 0; o < outputs; o += M0PLUS_GROUP) {
            m0plus_pool8(acc + o * M0PLUS_WINDOWS, out + o, positions + o, layer->step.activation_shift,
                         biases == NULL ? m0plus_no_biases : biases + o);
        }
    }
}

void m0plus_streamed_forward(const engine_layer *layer, const engine_streamed_rows *from, int32_t *acc) {
    if (!m0plus_streams(layer) || layer->memory.kernel_scratch == NULL) {
        engine_plain_streamed.forward(layer, from, acc);
        return;
    }
    m0plus_forward_scratch scratch;
    (void)m0plus_place_forward(layer, layer->memory.kernel_scratch, &scratch);
    m0plus_mark_taps(layer, scratch.taps);
    const bool centred = m0plus_begin_centred(layer, from, &scratch); /* its only block is there for all bands */
    const int32_t *const biases = centred ? scratch.begin : layer->step.biases;
    const bool pool_adds =
        layer->config.pool && layer->config.relu; /* m0plus_pool8 adds biases, once for four windows */
    const uint32_t rows = layer->shape.out_height, channels = layer->config.in_channels;
    const uint32_t outputs = layer->config.out_channels, row_acc = scratch.quads * outputs * M0PLUS_WINDOWS;
    for (uint32_t first_row = 0, count; first_row < rows; first_row += count) {
        count = rows - first_row < scratch.band ? rows - first_row : scratch.band;
        begin_band(layer, count * scratch.quads, pool_adds ? NULL : biases, scratch.acc);
        const uint32_t *budgets = layer->memory.kernel_memory;
        for (uint32_t first = 0, block; first < channels; first += block, budgets += outputs / GROUP) {
            block = channels - first < scratch.block ? channels - first : scratch.block;
            if (!centred && (first_row == 0 || block < channels)) { /* else they are there from the band before */
                m0plus_begin_block(layer, from, first, block, &scratch);
            }
            for (uint32_t row = 0; row < count; row++) {
                add_row(layer, first_row + row, block, budgets, &scratch, scratch.acc + row * row_acc);
            }
        }
        for (uint32_t row = 0; row < count; row++) {
            requantise_row(layer, first_row + row, scratch.quads, pool_adds ? biases : NULL,
                           scratch.acc + row * row_acc);
        }
    }
}
