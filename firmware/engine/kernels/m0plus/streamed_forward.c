/* Forward pass of a streamed convolution: accumulators of a band of rows, to which block after block of input channels
 * adds its share, in the assembly that gathers windows of kept convolutions. They lie four windows together: a pool's,
 * where there is one, else four beside one another. */
#include "streamed.h"

#include "../../arithmetic.h"
#include "../window.h"

#include <string.h>

#define WEIGHT_BYTES 2u /* two weights in a word */

typedef struct {
    int32_t *acc;           /* of a band: [quad][out_channels][window] */
    uint32_t *weights;      /* of a block, by group of outputs: [tap][channel][words] */
    sparse_element *inputs; /* of a block: its non-zero elements, as if the map had no other channels */
    uint16_t *starts;       /* of each pixel in the list */
    uint32_t *occupied;     /* of each channel of a block: the pixels that are not zero, a bit each, modulo 32 */
    uint32_t *taps;         /* of each tap: the pixels that a window's tap can lie on */
    m0plus_window_row *rows[2];
    m0plus_window *windows;
    uint32_t block; /* channels */
    uint32_t band;  /* output rows */
    uint32_t quads; /* of an output row */
} forward_scratch;

static uint32_t place(const engine_layer *layer, uint8_t *scratch, forward_scratch *to) {
    const engine_layer_config *config = &layer->config;
    const uint32_t pixels = config->in_height * config->in_width, outputs = config->out_channels;
    const uint32_t row_listed = (M0PLUS_MAX_KERNEL + 1) * (uint32_t)sizeof(m0plus_window_row);
    to->quads = config->pool ? layer->shape.out_width : (layer->shape.out_width + M0PLUS_WINDOWS - 1) / M0PLUS_WINDOWS;
    const uint32_t row_bytes = to->quads * outputs * M0PLUS_WINDOWS * (uint32_t)sizeof(int32_t);
    const uint32_t band = larger_of(M0PLUS_STREAMED_BAND_BYTES / row_bytes, 1);
    uint32_t used = 0;
    to->block = m0plus_block_channels(layer, WEIGHT_BYTES);
    to->band = band < layer->shape.out_height ? band : layer->shape.out_height;
    to->rows[0] = m0plus_take_scratch(scratch, &used, row_listed);
    to->rows[1] = m0plus_take_scratch(scratch, &used, row_listed);
    to->windows = m0plus_take_scratch(scratch, &used, M0PLUS_WINDOWS * (uint32_t)sizeof(m0plus_window));
    to->acc = m0plus_take_scratch(scratch, &used, to->band * row_bytes);
    to->weights = m0plus_take_scratch(scratch, &used, m0plus_taps(layer) * to->block * outputs * WEIGHT_BYTES);
    to->inputs = m0plus_take_scratch(scratch, &used, (pixels * to->block + 1) * (uint32_t)sizeof(sparse_element));
    to->starts = m0plus_take_scratch(scratch, &used, (pixels + 1) * (uint32_t)sizeof(uint16_t));
    to->occupied = m0plus_take_scratch(scratch, &used, to->block * (uint32_t)sizeof(uint32_t));
    to->taps = m0plus_take_scratch(scratch, &used, m0plus_taps(layer) * (uint32_t)sizeof(uint32_t));
    return used;
}

uint32_t m0plus_streamed_forward_bytes(const engine_layer *layer) {
    forward_scratch unused;
    return place(layer, NULL, &unused);
}

/* Lists the non-zero inputs of channels [first, first + count). */
static void list_inputs(const engine_layer *layer, uint32_t first, uint32_t count, const forward_scratch *scratch) {
    const uint32_t channels = layer->config.in_channels, pixels = layer->config.in_height * layer->config.in_width;
    const int8_t *in = layer->step.input + first;
    sparse_element *next = scratch->inputs;
    uint16_t *starts = scratch->starts;
    uint32_t index = 0;
    m0plus_mark_occupied(layer, first, count, scratch->occupied);
    for (uint32_t pixel = 0; pixel < pixels; pixel++, in += channels) {
        *starts++ = (uint16_t)(next - scratch->inputs);
        for (uint32_t c = 0; c < count; c++, index++) {
            if (in[c] != 0) {
                *next++ = sparse_pack(index, in[c]);
            }
        }
    }
    *starts = (uint16_t)(next - scratch->inputs);
}

/* The words of 16 outputs, or of the last 8. */
static inline uint32_t group_words(uint32_t outputs, uint32_t group) {
    return outputs - group >= 2 * M0PLUS_GROUP ? M0PLUS_GROUP : M0PLUS_GROUP / 2;
}

/* Adds to a row's words what pruned edges change. `row`: in flash; `word`: its first, groups `step` apart; `last_word`:
 * of outputs from `last` on. */
static void PRIOT_HOT patch_row(const engine_scored_groups *groups, uint32_t row_index, const int8_t *row,
                                uint32_t *word, uint32_t step, uint32_t *last_word, uint32_t last) {
    const int8_t *score = groups->row.scores + groups->starts[row_index];
    const int8_t *const end = groups->row.scores + groups->starts[row_index + 1];
    const uint8_t *index = groups->indices + groups->starts[row_index];
    const int32_t threshold = groups->row.threshold;
    for (; score < end; score++, index++) {
        if (*score >= threshold) {
            continue;
        }
        const uint32_t o = *index;
        const int32_t change = row[o] * (groups->row.below_factor - 1);
        uint32_t *const patched = (o < last ? word + o / 16 * step : last_word) + o % 16 / 2;
        *patched += (o & 1u) != 0 ? (uint32_t)change << 16 : (uint32_t)change;
    }
}

/* Unpacks one row into the words of each group of outputs. `rows`: of the block; `index`: the row's there. */
static void PRIOT_HOT unpack_row(const engine_layer *layer, const engine_streamed_rows *from, uint32_t row_index,
                                 uint32_t *weights, uint32_t rows, uint32_t index) {
    const uint32_t outputs = layer->config.out_channels, whole = outputs / (2 * M0PLUS_GROUP);
    const int8_t *const row = layer->memory.weights + row_index * outputs;
    uint32_t *const word = weights + index * M0PLUS_GROUP;
    const uint32_t step = rows * M0PLUS_GROUP; /* words from a group to the next one */
    if (whole > 0) {
        m0plus_unpack_row(row, word, whole, (step - M0PLUS_GROUP) * (uint32_t)sizeof *word);
    }
    /* the last eight outputs, if they are not sixteen, have half as many words */
    const uint32_t last = whole * 2 * M0PLUS_GROUP;
    uint32_t *const last_word = weights + whole * step + index * (M0PLUS_GROUP / 2);
    for (uint32_t o = last; o < outputs; o += 2) {
        last_word[(o - last) / 2] = (uint32_t)row[o] + ((uint32_t)row[o + 1] << 16);
    }
    if (!from->frozen) {
        patch_row(&from->groups, row_index, row, word, step, last_word, last);
    }
}

/* Reads the weights of channels [first, first + count), but for rows whose every input is zero. */
static void read_block(const engine_layer *layer, const engine_streamed_rows *from, uint32_t first, uint32_t count,
                       const forward_scratch *scratch) {
    const uint32_t taps = m0plus_taps(layer), channels = layer->config.in_channels;
    for (uint32_t tap = 0; tap < taps; tap++) {
        for (uint32_t c = 0; c < count; c++) {
            if ((scratch->occupied[c] & scratch->taps[tap]) != 0) {
                unpack_row(layer, from, tap * channels + first + c, scratch->weights, taps * count, tap * count + c);
            }
        }
    }
}

/* Lists the kernel rows of accumulator row oy that lie inside the map, of `channels` channels. */
static void list_rows(const engine_layer *layer, uint32_t oy, uint32_t channels, const uint16_t *starts,
                      m0plus_window_row *row) {
    const engine_layer_config *config = &layer->config;
    const engine_taps inside =
        engine_taps_inside(oy, config->stride, config->padding, config->kernel, config->in_height);
    const uint32_t kernel_row = config->kernel * channels, map_row = config->in_width * channels;
    int32_t tap = (int32_t)(inside.first * kernel_row - inside.in * map_row);
    starts += inside.in * config->in_width;
    for (uint32_t ky = inside.first; ky < inside.last; ky++, row++, starts += config->in_width) {
        *row = (m0plus_window_row){.starts = starts, .tap = tap};
        tap += (int32_t)kernel_row - (int32_t)map_row;
    }
    row->starts = NULL;
}

static inline m0plus_window window_at(const engine_layer_config *config, uint32_t ox, uint32_t channels,
                                      const m0plus_window_row *rows) {
    const int32_t left = (int32_t)(ox * config->stride) - (int32_t)config->padding;
    const int32_t right = left + (int32_t)config->kernel, width = (int32_t)config->in_width;
    return (m0plus_window){
        .rows = rows,
        .first = (uint32_t)(left < 0 ? 0 : left) * (uint32_t)sizeof(uint16_t),
        .last = (uint32_t)(right < width ? right : width) * (uint32_t)sizeof(uint16_t),
        .left = left * (int32_t)channels,
    };
}

/* Places the windows of a quad; their number. */
static uint32_t place_windows(const engine_layer *layer, uint32_t quad, uint32_t channels,
                              const forward_scratch *scratch) {
    const engine_layer_config *config = &layer->config;
    m0plus_window *window = scratch->windows;
    if (config->pool) {
        for (uint32_t i = 0; i < M0PLUS_WINDOWS; i++) {
            window[i] = window_at(config, 2 * quad + (i & 1u), channels, scratch->rows[i >> 1]);
        }
        return M0PLUS_WINDOWS;
    }
    const uint32_t first = quad * M0PLUS_WINDOWS, left = layer->shape.out_width - first;
    const uint32_t count = left < M0PLUS_WINDOWS ? left : M0PLUS_WINDOWS;
    for (uint32_t i = 0; i < count; i++) {
        window[i] = window_at(config, first + i, channels, scratch->rows[0]);
    }
    return count;
}

/* Adds a block's share to the accumulators of an output row. */
static void add_row(const engine_layer *layer, uint32_t row, uint32_t channels, const forward_scratch *scratch,
                    int32_t *acc) {
    const uint32_t outputs = layer->config.out_channels, side = layer->config.pool ? 2 : 1;
    const uint32_t rows = m0plus_taps(layer) * channels;
    for (uint32_t i = 0; i < side; i++) {
        list_rows(layer, row * side + i, channels, scratch->starts, scratch->rows[i]);
    }
    for (uint32_t quad = 0; quad < scratch->quads; quad++) {
        m0plus_gather gather = {.windows = scratch->windows,
                                .windows_end = scratch->windows + place_windows(layer, quad, channels, scratch),
                                .inputs = scratch->inputs,
                                .weights = scratch->weights,
                                .budget = INT16_MAX / layer->step.largest_weight,
                                .adds = 1};
        for (uint32_t o = 0, words; o < outputs; o += 2 * words) {
            words = group_words(outputs, o);
            gather.acc = acc;
            (words == M0PLUS_GROUP ? m0plus_gather16 : m0plus_gather8)(&gather);
            gather.weights += rows * words;
            acc += 2 * words * M0PLUS_WINDOWS;
        }
    }
}

/* Begins the accumulators of a band with the biases. */
static void begin_band(const engine_layer *layer, uint32_t quads, int32_t *acc) {
    const int32_t *const biases = layer->step.biases;
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

/* Makes output row `row` from its accumulators. */
static void requantise_row(const engine_layer *layer, uint32_t row, uint32_t quads, const int32_t *acc) {
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
                         m0plus_no_biases);
        }
    }
}

void m0plus_streamed_forward(const engine_layer *layer, const engine_streamed_rows *from, int32_t *acc) {
    if (!m0plus_streams(layer) || layer->memory.kernel_scratch == NULL) {
        engine_plain_streamed.forward(layer, from, acc);
        return;
    }
    forward_scratch scratch;
    (void)place(layer, layer->memory.kernel_scratch, &scratch);
    m0plus_mark_taps(layer, scratch.taps);
    const uint32_t rows = layer->shape.out_height, channels = layer->config.in_channels;
    const uint32_t row_acc = scratch.quads * layer->config.out_channels * M0PLUS_WINDOWS;
    for (uint32_t first_row = 0, count; first_row < rows; first_row += count) {
        count = rows - first_row < scratch.band ? rows - first_row : scratch.band;
        begin_band(layer, count * scratch.quads, scratch.acc);
        for (uint32_t first = 0, block; first < channels; first += block) {
            block = channels - first < scratch.block ? channels - first : scratch.block;
            if (first_row == 0 || block < channels) { /* else they are there from the band before */
                list_inputs(layer, first, block, &scratch);
                read_block(layer, from, first, block, &scratch);
            }
            for (uint32_t row = 0; row < count; row++) {
                add_row(layer, first_row + row, block, &scratch, scratch.acc + row * row_acc);
            }
        }
        for (uint32_t row = 0; row < count; row++) {
            requantise_row(layer, first_row + row, scratch.quads, scratch.acc + row * row_acc);
        }
    }
}
