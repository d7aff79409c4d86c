/* A streamed convolution's block of input channels: its weights leave flash as words, its inputs are listed, and its
 * budgets are made once, from the frozen weights. */
#include "streamed_block.h"

#include "../../arithmetic.h"

#include <string.h>

#define WEIGHT_BYTES 2u                                     /* two weights in a word */
#define SQUARED_INPUT ((uint32_t)(INT8_LIMIT * INT8_LIMIT)) /* at most */
#define MAX_BLOCK_CHANNELS 24u
#define GROUP M0PLUS_STREAMED_GROUP

/* The input channels of a block. With too many, a kernel row's bound would leave lanes no room; blocks are about equal.
 */
static uint32_t block_channels(const engine_layer *layer) {
    const uint32_t most = m0plus_block_channels(layer, WEIGHT_BYTES), channels = layer->config.in_channels;
    const uint32_t limit = most < MAX_BLOCK_CHANNELS ? most : MAX_BLOCK_CHANNELS;
    const uint32_t blocks = (channels + limit - 1) / limit;
    return (channels + blocks - 1) / blocks;
}

static inline bool may_have_centre(const engine_layer *layer) {
    return layer->shape.is_first && layer->config.out_channels % GROUP == 0 &&
           block_channels(layer) == layer->config.in_channels;
}

uint32_t m0plus_place_forward(const engine_layer *layer, uint8_t *scratch, m0plus_forward_scratch *to) {
    const engine_layer_config *config = &layer->config;
    const uint32_t outputs = config->out_channels, margin = may_have_centre(layer) ? 2 * config->padding : 0;
    const uint32_t pixels = (config->in_height + margin) * (config->in_width + margin);
    const uint32_t row_listed = (M0PLUS_MAX_KERNEL + 1) * (uint32_t)sizeof(m0plus_window_row);
    to->quads = config->pool ? layer->shape.out_width : (layer->shape.out_width + M0PLUS_WINDOWS - 1) / M0PLUS_WINDOWS;
    const uint32_t row_bytes = to->quads * outputs * M0PLUS_WINDOWS * (uint32_t)sizeof(int32_t);
    const uint32_t band = larger_of(M0PLUS_STREAMED_BAND_BYTES / row_bytes, 1);
    uint32_t used = 0;
    to->block = block_channels(layer);
    to->band = band < layer->shape.out_height ? band : layer->shape.out_height;
    to->rows[0] = m0plus_take_scratch(scratch, &used, row_listed);
    to->rows[1] = m0plus_take_scratch(scratch, &used, row_listed);
    to->windows = m0plus_take_scratch(scratch, &used, M0PLUS_WINDOWS * (uint32_t)sizeof(m0plus_window));
    to->acc = m0plus_take_scratch(scratch, &used, to->band * row_bytes);
    to->weights = m0plus_take_scratch(scratch, &used, m0plus_taps(layer) * to->block * outputs * WEIGHT_BYTES);
    to->inputs = m0plus_take_scratch(scratch, &used, (pixels * to->block + 1) * (uint32_t)sizeof(sparse_element));
    to->starts = m0plus_take_scratch(scratch, &used, (pixels + 1) * (uint32_t)sizeof(uint16_t));
    to->costs = m0plus_take_scratch(scratch, &used, (pixels + 1) * (uint32_t)sizeof(uint16_t));
    to->cost_shift = 0;
    while (config->kernel * to->block * SQUARED_INPUT >> to->cost_shift >= UINT16_MAX) {
        to->cost_shift++;
    }
    to->occupied = m0plus_take_scratch(scratch, &used, to->block * (uint32_t)sizeof(uint32_t));
    to->taps = m0plus_take_scratch(scratch, &used, m0plus_taps(layer) * (uint32_t)sizeof(uint32_t));
    to->begin = m0plus_take_scratch(scratch, &used, margin > 0 ? outputs * (uint32_t)sizeof(int32_t) : 0);
    to->centre = 0;
    to->height = config->in_height;
    to->width = config->in_width;
    to->padding = config->padding;
    return used;
}

uint32_t m0plus_streamed_forward_bytes(const engine_layer *layer) {
    m0plus_forward_scratch unused;
    return m0plus_place_forward(layer, NULL, &unused);
}

/* ---- budgets ----------------------------------------------------------------------------------------------------- */

uint32_t m0plus_streamed_memory_bytes(const engine_layer *layer) {
    const uint32_t block = block_channels(layer);
    const uint32_t blocks = (layer->config.in_channels + block - 1) / block;
    return blocks * (layer->config.out_channels / GROUP) * (uint32_t)sizeof(uint32_t);
}

/* The largest sum of squared weights that a kernel row has in an output of the group from `group` on, over the input
 * channels [first, first + count). The frozen ones: an edge's effective weight is no further from 0. */
static uint32_t largest_row(const engine_layer *layer, uint32_t group, uint32_t first, uint32_t count) {
    const engine_layer_config *config = &layer->config;
    uint32_t largest = 1;
    for (uint32_t ky = 0; ky < config->kernel; ky++) {
        uint32_t squares[GROUP] = {0};
        for (uint32_t kx = 0; kx < config->kernel; kx++) {
            const uint32_t row = (ky * config->kernel + kx) * config->in_channels + first;
            const int8_t *weights = layer->memory.weights + row * config->out_channels + group;
            for (uint32_t c = 0; c < count; c++, weights += config->out_channels) {
                for (uint32_t o = 0; o < GROUP; o++) {
                    squares[o] += (uint32_t)(weights[o] * weights[o]);
                }
            }
        }
        for (uint32_t o = 0; o < GROUP; o++) {
            largest = larger_of(largest, squares[o]);
        }
    }
    return largest;
}

void m0plus_streamed_weights_done(const engine_layer *layer) {
    uint32_t *budget = layer->memory.kernel_memory;
    if (!m0plus_streams(layer) || budget == NULL) {
        return;
    }
    m0plus_forward_scratch sizes;
    (void)m0plus_place_forward(layer, NULL, &sizes);
    const uint32_t channels = layer->config.in_channels;
    for (uint32_t first = 0, count; first < channels; first += count) {
        count = channels - first < sizes.block ? channels - first : sizes.block;
        for (uint32_t group = 0; group + GROUP <= layer->config.out_channels; group += GROUP) {
            const uint32_t squares = largest_row(layer, group, first, count);
            *budget++ = (uint32_t)(INT16_MAX * INT16_MAX) / squares >> sizes.cost_shift;
        }
    }
}

/* ---- a block ----------------------------------------------------------------------------------------------------- */

/* Lists the non-zero inputs of channels [first, first + count). */
static void list_inputs(const engine_layer *layer, uint32_t first, uint32_t count,
                        const m0plus_forward_scratch *scratch) {
    const uint32_t channels = layer->config.in_channels, pixels = layer->config.in_height * layer->config.in_width;
    const int8_t *in = layer->step.input + first;
    sparse_element *next = scratch->inputs;
    uint16_t *starts = scratch->starts, *costs = scratch->costs;
    uint32_t index = 0, squares = 0;
    m0plus_mark_occupied(layer, first, count, scratch->occupied);
    for (uint32_t pixel = 0; pixel < pixels; pixel++, in += channels) {
        *starts++ = (uint16_t)(next - scratch->inputs);
        *costs++ = (uint16_t)(squares >> scratch->cost_shift);
        for (uint32_t c = 0; c < count; c++, index++) {
            const int32_t x = in[c];
            if (x != 0) {
                *next++ = sparse_pack(index, (int8_t)x);
                squares += (uint32_t)(x * x);
            }
        }
    }
    *starts = (uint16_t)(next - scratch->inputs);
    *costs = (uint16_t)(squares >> scratch->cost_shift);
}

/* Images whose pixels are seldom 0 have large sums of squares, and lanes little room. Their mean is then taken away
 * from all, the padding too, which is listed; what all weights of an output make of the mean is added again. */
static void choose_centre(const engine_layer *layer, m0plus_forward_scratch *scratch) {
    const int8_t *const in = layer->step.input;
    const uint32_t count = layer->shape.in_count;
    uint32_t zeros = 0, sum = 0;
    if (!may_have_centre(layer) || layer->config.padding == 0) {
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        sum += (uint8_t)in[i];
        zeros += in[i] == 0;
    }
    if (zeros > count / 2) {
        return;
    }
    scratch->centre = (int32_t)(sum / count);
    if (scratch->centre == 0) {
        return;
    }
    scratch->height += 2 * layer->config.padding;
    scratch->width += 2 * layer->config.padding;
    scratch->padding = 0;
}

/* Lists all inputs and the padding less the centre, which may be 0. */
static void list_centred(const engine_layer *layer, const m0plus_forward_scratch *scratch) {
    const uint32_t channels = layer->config.in_channels, padding = layer->config.padding;
    const int32_t centre = scratch->centre;
    const int8_t *in = layer->step.input;
    sparse_element *next = scratch->inputs;
    uint16_t *starts = scratch->starts, *costs = scratch->costs;
    uint32_t index = 0, squares = 0;
    for (uint32_t y = 0; y < scratch->height; y++) {
        const bool inside_rows = y - padding < layer->config.in_height; /* wraps above the map */
        for (uint32_t x = 0; x < scratch->width; x++) {
            const bool inside = inside_rows && x - padding < layer->config.in_width;
            *starts++ = (uint16_t)(next - scratch->inputs);
            *costs++ = (uint16_t)(squares >> scratch->cost_shift);
            for (uint32_t c = 0; c < channels; c++, index++) {
                const int32_t value = (inside ? *in++ : 0) - centre;
                if (value != 0) {
                    *next++ = sparse_pack(index, (int8_t)value);
                    squares += (uint32_t)(value * value);
                }
            }
        }
    }
    *starts = (uint16_t)(next - scratch->inputs);
    *costs = (uint16_t)(squares >> scratch->cost_shift);
    memset(scratch->occupied, 0xff, channels * sizeof *scratch->occupied);
    memset(scratch->taps, 0xff, m0plus_taps(layer) * sizeof *scratch->taps);
}

static inline void add_lanes(uint32_t lanes, int32_t *sums) {
    const int32_t lower = (int16_t)lanes;
    sums[0] += lower;
    sums[2] += (int32_t)(lanes - (uint32_t)lower) >> 16;
}

/* What accumulators begin with: bias, and what the weights, which are unpacked, make of the centre. */
static void begin_centred(const engine_layer *layer, const m0plus_forward_scratch *scratch) {
    const uint32_t outputs = layer->config.out_channels, rows = layer->shape.fan_in;
    const uint32_t *word = scratch->weights;
    for (uint32_t group = 0; group < outputs; group += GROUP) {
        int32_t *const begin = scratch->begin + group;
        memset(begin, 0, GROUP * sizeof *begin);
        for (uint32_t row = 0; row < rows; row++) {
            for (uint32_t o = 0; o < GROUP; o += 4, word += 2) {
                add_lanes(word[0] - (word[1] << 8), begin + o);
                add_lanes(word[1], begin + o + 1);
            }
        }
    }
    for (uint32_t o = 0; o < outputs; o++) {
        const int32_t bias = layer->step.biases == NULL ? 0 : layer->step.biases[o];
        scratch->begin[o] = bias + scratch->centre * scratch->begin[o];
    }
}

/* Where the words of a tap's rows lie in a block. */
typedef struct {
    const int8_t *rows; /* in flash */
    uint32_t *words;    /* the first row's */
    uint32_t step;      /* words from a group of outputs to the next one */
    uint32_t *last;     /* of outputs that do not fill a group, the first row's */
} tap_words;

static inline tap_words words_of(const engine_layer *layer, uint32_t tap, uint32_t first, uint32_t count,
                                 const m0plus_forward_scratch *scratch) {
    const uint32_t outputs = layer->config.out_channels, step = m0plus_taps(layer) * count * M0PLUS_GROUP;
    return (tap_words){
        .rows = layer->memory.weights + (tap * layer->config.in_channels + first) * outputs,
        .words = scratch->weights + tap * count * M0PLUS_GROUP,
        .step = step,
        .last = scratch->weights + outputs / GROUP * step + tap * count * (M0PLUS_GROUP / 2),
    };
}

/* Adds to the words of an edge's row what the edge changes, which is pruned. */
static void patch(const engine_layer *layer, const tap_words *to, uint32_t row, uint32_t o, int32_t factor) {
    const uint32_t outputs = layer->config.out_channels;
    const uint32_t change = (uint32_t)(to->rows[row * outputs + o] * (factor - 1));
    if (o < outputs / GROUP * GROUP) {
        uint32_t *const words = to->words + row * M0PLUS_GROUP + o / GROUP * to->step + o % GROUP / 4 * 2;
        words[0] += change << o % 4 * 8;
        words[1] += o % 2 == 0 ? 0 : change << o % 4 / 2 * 16;
    } else {
        to->last[row * (M0PLUS_GROUP / 2) + o % GROUP / 2] += change << o % 2 * 16;
    }
}

/* Unpacks the last eight outputs of a row, if they are not sixteen. */
static void unpack_last(const engine_layer *layer, const tap_words *to, uint32_t count) {
    const uint32_t outputs = layer->config.out_channels;
    const int8_t *row = to->rows;
    uint32_t *word = to->last;
    for (; count > 0; count--, row += outputs) {
        for (uint32_t o = outputs / GROUP * GROUP; o < outputs; o += 2) {
            *word++ = (uint32_t)row[o] + ((uint32_t)row[o + 1] << 16);
        }
    }
}

/* Reads the weights of channels [first, first + count), but for rows whose every input is zero. */
static void read_block(const engine_layer *layer, const engine_streamed_rows *from, uint32_t first, uint32_t count,
                       const m0plus_forward_scratch *scratch) {
    const uint32_t taps = m0plus_taps(layer), channels = layer->config.in_channels;
    for (uint32_t tap = 0; tap < taps; tap++) {
        const tap_words to = words_of(layer, tap, first, count, scratch);
        const m0plus_flash_rows rows = {
            .row = to.rows,
            .outputs = layer->config.out_channels,
            .to = to.words,
            .step = to.step * (uint32_t)sizeof *to.words,
            .occupied = scratch->occupied,
            .occupied_end = scratch->occupied + count,
            .tap = scratch->taps[tap],
        };
        m0plus_unpack_rows(&rows);
        unpack_last(layer, &to, count);
        m0plus_pruned pruned = m0plus_first_pruned(&from->groups, tap * channels + first, from->frozen ? 0 : count);
        while (m0plus_next_pruned(&from->groups, &pruned)) {
            patch(layer, &to, pruned.row, pruned.index, from->groups.row.below_factor);
        }
    }
}

bool m0plus_begin_centred(const engine_layer *layer, const engine_streamed_rows *from,
                          m0plus_forward_scratch *scratch) {
    choose_centre(layer, scratch);
    if (scratch->centre == 0) {
        return false;
    }
    list_centred(layer, scratch);
    read_block(layer, from, 0, scratch->block, scratch);
    begin_centred(layer, scratch);
    return true;
}

void m0plus_begin_block(const engine_layer *layer, const engine_streamed_rows *from, uint32_t first, uint32_t count,
                        const m0plus_forward_scratch *scratch) {
    list_inputs(layer, first, count, scratch);
    read_block(layer, from, first, count, scratch);
}
