/* Backward pass of a streamed convolution: errors of the positive inputs, block after block of input channels, in the
 * assembly of kept convolutions; then gradients of the scored edges alone, each from its output channel's deltas. */
#include "padded_input.h"
#include "streamed.h"

#include "../../arithmetic.h"
#include "../../deltas.h"

#include <string.h>

#define WEIGHT_BYTES 1u

/* ---- errors ------------------------------------------------------------------------------------------------------ */

typedef struct {
    m0plus_placed_delta *deltas; /* non-zero ones, in the order of the accumulator map */
    uint16_t *starts;            /* of each of its pixels in the list */
    int8_t *weights;             /* of a block: [channel][ky][kx from right to left][output] */
    sparse_element *inputs;      /* of a pixel: the positive ones of a block's channels */
    uint32_t *occupied;          /* m0plus_mark_occupied, of a block */
    uint32_t *taps;              /* m0plus_mark_taps */
    uint32_t block;              /* channels */
} error_scratch;

static uint32_t place_errors(const engine_layer *layer, uint8_t *scratch, error_scratch *to) {
    const uint32_t pixels = layer->shape.conv_height * layer->shape.conv_width;
    uint32_t used = 0;
    to->block = m0plus_block_channels(layer, WEIGHT_BYTES);
    to->deltas = m0plus_take_scratch(scratch, &used, layer->shape.out_count * (uint32_t)sizeof(m0plus_placed_delta));
    to->starts = m0plus_take_scratch(scratch, &used, (pixels + 1) * (uint32_t)sizeof(uint16_t));
    to->inputs = m0plus_take_scratch(scratch, &used, to->block * (uint32_t)sizeof(sparse_element));
    to->occupied = m0plus_take_scratch(scratch, &used, to->block * (uint32_t)sizeof(uint32_t));
    to->taps = m0plus_take_scratch(scratch, &used, m0plus_taps(layer) * (uint32_t)sizeof(uint32_t));
    to->weights =
        m0plus_take_scratch(scratch, &used, m0plus_taps(layer) * to->block * layer->config.out_channels * WEIGHT_BYTES);
    return used;
}

static inline bool gathers(const engine_layer *layer) {
    return m0plus_streams(layer) && layer->config.stride == 1 && layer->shape.below_has_relu;
}

/* Lists the deltas of a layer without a pool. */
static void list_in_order(const engine_layer *layer, const error_scratch *scratch) {
    const uint32_t pixels = layer->shape.out_height * layer->shape.out_width;
    const int8_t *delta = layer->memory.delta;
    m0plus_placed_delta *next = scratch->deltas;
    uint32_t index = 0;
    for (uint32_t pixel = 0; pixel < pixels; pixel++) {
        scratch->starts[pixel] = (uint16_t)(next - scratch->deltas);
        for (const uint32_t end = index + layer->config.out_channels; index < end; index++) {
            if (delta[index] != 0) {
                *next++ = (m0plus_placed_delta){.place = index, .delta = delta[index]};
            }
        }
    }
    scratch->starts[pixels] = (uint16_t)(next - scratch->deltas);
}

/* Calls for each non-zero delta: its pixel in the accumulator map, its channel. The loop is written out twice: to
 * count, and to place. */
static void sort_deltas(const engine_layer *layer, const error_scratch *scratch) {
    if (!layer->config.pool) {
        list_in_order(layer, scratch);
        return;
    }
    const uint32_t outputs = layer->config.out_channels, width = layer->shape.conv_width;
    const uint32_t pixels = layer->shape.conv_height * width, side = layer->config.pool ? 2 : 1;
    const uint32_t places[4] = {0, 1, width, width + 1};
    const uint8_t *const positions = layer->memory.positions;
    uint16_t *const starts = scratch->starts;
    memset(starts, 0, (pixels + 1) * sizeof *starts);
    for (uint32_t pass = 0; pass < 2; pass++) {
        uint32_t index = 0;
        for (uint32_t y = 0; y < layer->shape.out_height; y++) {
            for (uint32_t x = 0; x < layer->shape.out_width; x++) {
                const uint32_t corner = side * (y * width + x);
                for (uint32_t o = 0; o < outputs; o++, index++) {
                    const int8_t delta = layer->memory.delta[index];
                    if (delta == 0) {
                        continue;
                    }
                    const uint32_t pixel = corner + (side == 1 ? 0 : places[positions[index]]);
                    if (pass == 0) {
                        starts[pixel]++;
                    } else {
                        scratch->deltas[--starts[pixel]] =
                            (m0plus_placed_delta){.place = pixel * outputs + o, .delta = delta};
                    }
                }
            }
        }
        uint32_t sum = 0;
        for (uint32_t pixel = 0; pass == 0 && pixel <= pixels; pixel++) {
            sum += starts[pixel];
            starts[pixel] = (uint16_t)sum; /* the pixel's end */
        }
    }
}

/* Reads the weights of channels [first, first + count), but for rows whose every input is zero, and masks the pruned
 * edges. */
static void read_block(const engine_layer *layer, const engine_scored_groups *groups, uint32_t first, uint32_t count,
                       const error_scratch *scratch) {
    const uint32_t kernel = layer->config.kernel, outputs = layer->config.out_channels;
    const uint32_t channel_bytes = m0plus_taps(layer) * outputs;
    m0plus_mark_occupied(layer, first, count, scratch->occupied);
    for (uint32_t tap = 0; tap < m0plus_taps(layer); tap++) {
        const uint32_t row = tap * layer->config.in_channels + first, kx = tap % kernel;
        int8_t *const to = scratch->weights + (tap - kx + kernel - 1 - kx) * outputs;
        const m0plus_flash_rows rows = {
            .row = groups->row.weights + row * outputs,
            .outputs = outputs,
            .to = to,
            .step = channel_bytes,
            .occupied = scratch->occupied,
            .occupied_end = scratch->occupied + count,
            .tap = scratch->taps[tap],
        };
        m0plus_copy_rows(&rows);
        m0plus_pruned pruned = m0plus_first_pruned(groups, row, count);
        while (m0plus_next_pruned(groups, &pruned)) {
            int8_t *const weight = to + pruned.row * channel_bytes + pruned.index;
            *weight = (int8_t)(*weight * groups->row.below_factor);
        }
    }
}

/* Lists the deltas that the input at (iy, ix) took part in, by kernel row; false: none. */
static bool list_segments(const engine_layer *layer, uint32_t iy, uint32_t ix, const error_scratch *scratch,
                          m0plus_placed_segment *segment) {
    const engine_layer_config *config = &layer->config;
    const uint32_t kernel = config->kernel, outputs = config->out_channels, width = layer->shape.conv_width;
    const int32_t right = (int32_t)(ix + config->padding) + 1, left = right - (int32_t)kernel;
    const uint32_t first = (uint32_t)(left < 0 ? 0 : left);
    const uint32_t last = (uint32_t)right < width ? (uint32_t)right : width; /* past the last */
    const m0plus_placed_segment *const begin = segment;
    for (uint32_t ky = 0; ky < kernel && first < last; ky++) {
        const uint32_t oy = iy + config->padding - ky; /* wraps above the map */
        if (oy >= layer->shape.conv_height) {
            continue;
        }
        const uint32_t pixel = oy * width;
        const uint32_t from = scratch->starts[pixel + first], to = scratch->starts[pixel + last];
        if (from != to) {
            const int32_t tap = (int32_t)((ky * kernel - pixel) * outputs) - left * (int32_t)outputs;
            *segment++ = (m0plus_placed_segment){scratch->deltas + from, scratch->deltas + to, tap};
        }
    }
    *segment = (m0plus_placed_segment){NULL, NULL, 0};
    return segment != begin;
}

static uint32_t list_positive(const int8_t *in, uint32_t count, sparse_element *list) {
    sparse_element *next = list;
    for (uint32_t c = 0; c < count; c++) {
        if (in[c] != 0) { /* inputs have no sign */
            *next++ = sparse_pack(c, in[c]);
        }
    }
    return (uint32_t)(next - list);
}

/* Makes the errors of channels [first, first + count). */
static void add_block(const engine_layer *layer, uint32_t first, uint32_t count, const error_scratch *scratch,
                      int8_t *below) {
    const engine_layer_config *config = &layer->config;
    m0plus_placed_segment segments[M0PLUS_MAX_KERNEL + 1];
    m0plus_streamed_errors dots = {
        .segments = segments,
        .weights = (uintptr_t)scratch->weights,
        .pitch = m0plus_taps(layer) * config->out_channels,
        .inputs = scratch->inputs,
        .half = rounding_half(layer->step.error_shift),
        .shift = layer->step.error_shift,
    };
    uint32_t at = first;
    for (uint32_t iy = 0; iy < config->in_height; iy++) {
        for (uint32_t ix = 0; ix < config->in_width; ix++, at += config->in_channels) {
            const uint32_t listed = list_positive(layer->step.input + at, count, scratch->inputs);
            if (listed > 0 && list_segments(layer, iy, ix, scratch, segments)) {
                dots.inputs_end = scratch->inputs + listed;
                dots.below = below + at;
                m0plus_streamed_dots(&dots);
            }
        }
    }
}

void m0plus_streamed_below(const engine_layer *layer, const engine_streamed_rows *rows, int8_t *below) {
    if (!gathers(layer) || layer->memory.kernel_scratch == NULL) {
        engine_plain_streamed.below(layer, rows, below);
        return;
    }
    error_scratch scratch;
    const uint32_t channels = layer->config.in_channels;
    (void)place_errors(layer, layer->memory.kernel_scratch, &scratch);
    sort_deltas(layer, &scratch);
    m0plus_mark_taps(layer, scratch.taps);
    memset(below, 0, layer->shape.in_count);
    for (uint32_t first = 0, count; first < channels; first += count) {
        count = channels - first < scratch.block ? channels - first : scratch.block;
        read_block(layer, &rows->groups, first, count, &scratch);
        add_block(layer, first, count, &scratch, below);
    }
}

/* ---- update -------------------------------------------------------------------------------------------------------
 */

typedef struct {
    uint8_t *padded;            /* the input with its padding around it */
    m0plus_placed_delta *lists; /* of each output channel: its deltas, and the places of their windows there */
    sparse_element *listed;     /* of four output channels the same, as m0plus_list_deltas has them */
    uint32_t *occupied;         /* m0plus_mark_occupied, of all channels */
    uint32_t *taps;             /* m0plus_mark_taps */
    uint32_t length;            /* of a list */
} update_scratch;

static uint32_t place_update(const engine_layer *layer, uint8_t *scratch, update_scratch *to) {
    const engine_layer_config *config = &layer->config;
    uint32_t used = 0;
    to->length = layer->shape.out_height * layer->shape.out_width + 1; /* and what begins or ends the list */
    to->occupied = m0plus_take_scratch(scratch, &used, config->in_channels * (uint32_t)sizeof(uint32_t));
    to->taps = m0plus_take_scratch(scratch, &used, m0plus_taps(layer) * (uint32_t)sizeof(uint32_t));
    to->padded = m0plus_take_scratch(scratch, &used, m0plus_padded_bytes(layer));
    to->listed = m0plus_take_scratch(scratch, &used, 4 * to->length * (uint32_t)sizeof(sparse_element));
    to->lists =
        m0plus_take_scratch(scratch, &used, config->out_channels * to->length * (uint32_t)sizeof(m0plus_placed_delta));
    return used;
}

uint32_t m0plus_streamed_backward_bytes(const engine_layer *layer) {
    error_scratch errors;
    update_scratch update;
    return larger_of(gathers(layer) ? place_errors(layer, NULL, &errors) : 0, place_update(layer, NULL, &update));
}

/* Makes a list as m0plus_tap_update has it. */
static void place_deltas(const sparse_element *listed, m0plus_placed_delta *list) {
    m0plus_placed_delta *next = list + 1;
    for (; *listed != 0; listed++, next++) {
        *next = (m0plus_placed_delta){.place = sparse_index(*listed), .delta = sparse_value(*listed)};
    }
    *list = (m0plus_placed_delta){.place = m0plus_list_head((uint32_t)(next - list) - 1), .delta = (intptr_t)next};
}

static void list_deltas(const engine_layer *layer, const update_scratch *scratch) {
    const uint32_t length = scratch->length;
    for (uint32_t channel = 0; channel < layer->config.out_channels; channel += 4) {
        m0plus_list_deltas(layer, channel, scratch->listed, length);
        for (uint32_t i = 0; i < 4; i++) {
            place_deltas(scratch->listed + i * length, scratch->lists + (channel + i) * length);
        }
    }
}

void m0plus_streamed_update(const engine_layer *layer, const engine_scored_groups *groups) {
    if (!m0plus_streams(layer) || layer->memory.kernel_scratch == NULL) {
        engine_plain_streamed.update(layer, groups);
        return;
    }
    const engine_layer_config *config = &layer->config;
    update_scratch scratch;
    (void)place_update(layer, layer->memory.kernel_scratch, &scratch);
    (void)m0plus_pad_input(layer, scratch.padded);
    list_deltas(layer, &scratch);
    m0plus_mark_occupied(layer, 0, config->in_channels, scratch.occupied);
    m0plus_mark_taps(layer, scratch.taps);
    m0plus_tap_update update = {
        .starts = groups->starts,
        .indices = groups->indices,
        .scores = groups->row.scores,
        .weights = groups->row.weights,
        .outputs = config->out_channels,
        .occupied = scratch.occupied,
        .occupied_end = scratch.occupied + config->in_channels,
        .lists = scratch.lists,
        .pitch = scratch.length * (uint32_t)sizeof *scratch.lists,
        .negligible = (uint32_t)groups->row.negligible,
        .half = groups->row.half,
        .shift = groups->row.shift,
    };
    for (uint32_t tap = 0; tap < m0plus_taps(layer); tap++) {
        update.map = scratch.padded + tap / config->kernel * m0plus_padded_pitch(layer) +
                     tap % config->kernel * config->in_channels;
        update.tap = scratch.taps[tap];
        m0plus_update_tap(&update);
        update.starts += config->in_channels;
        update.weights += config->in_channels * config->out_channels;
    }
}
