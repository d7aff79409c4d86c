/* Forward pass of a streamed convolution: accumulators of a band of rows, to which block after block of input channels
 * adds its share, in the assembly that gathers windows of kept convolutions. */
#include "streamed.h"

#include "../plain.h"
#include "../window.h"

#include <string.h>

#define WEIGHT_BYTES 2u /* two weights in a word */

typedef struct {
    int32_t *acc;            /* of a band: [rows][conv_width][out_channels] */
    uint32_t *weights;       /* of a block, by group of outputs: [tap][channel][words] */
    sparse_element *inputs;  /* of a block: its non-zero elements, as if the map had no other channels */
    uint16_t *starts;        /* of each pixel in the list */
    int32_t *gathered;       /* [channel][window] */
    m0plus_window_row *rows; /* of the windows at hand */
    m0plus_window *windows;
    uint32_t block; /* channels */
    uint32_t band;  /* accumulator rows */
} forward_scratch;

static uint32_t place(const engine_layer *layer, uint8_t *scratch, forward_scratch *to) {
    const engine_layer_config *config = &layer->config;
    const uint32_t pixels = config->in_height * config->in_width, outputs = config->out_channels;
    const uint32_t row_bytes = layer->shape.conv_width * outputs * (uint32_t)sizeof(int32_t);
    const uint32_t side = config->pool ? 2 : 1, all = layer->shape.out_height * side;
    uint32_t band = M0PLUS_STREAMED_BAND_BYTES / row_bytes / side * side;
    band = band < side ? side : band < all ? band : all;
    uint32_t used = 0;
    to->block = m0plus_block_channels(layer, WEIGHT_BYTES);
    to->band = band;
    to->gathered = m0plus_take_scratch(scratch, &used, 2 * M0PLUS_GROUP * M0PLUS_WINDOWS * (uint32_t)sizeof(int32_t));
    to->rows = m0plus_take_scratch(scratch, &used, (M0PLUS_MAX_KERNEL + 1) * (uint32_t)sizeof(m0plus_window_row));
    to->windows = m0plus_take_scratch(scratch, &used, M0PLUS_WINDOWS * (uint32_t)sizeof(m0plus_window));
    to->acc = m0plus_take_scratch(scratch, &used, band * row_bytes);
    to->weights = m0plus_take_scratch(scratch, &used, m0plus_taps(layer) * to->block * outputs * WEIGHT_BYTES);
    to->inputs = m0plus_take_scratch(scratch, &used, (pixels * to->block + 1) * (uint32_t)sizeof(sparse_element));
    to->starts = m0plus_take_scratch(scratch, &used, (pixels + 1) * (uint32_t)sizeof(uint16_t));
    return used;
}

uint32_t m0plus_streamed_forward_bytes(const engine_layer *layer) {
    forward_scratch unused;
    return place(layer, NULL, &unused);
}

/* Lists the non-zero inputs of channels [first, first + count). */
static void PRIOT_HOT list_inputs(const engine_layer *layer, uint32_t first, uint32_t count,
                                  const forward_scratch *scratch) {
    const uint32_t channels = layer->config.in_channels, pixels = layer->config.in_height * layer->config.in_width;
    const int8_t *in = layer->step.input + first;
    sparse_element *next = scratch->inputs;
    uint16_t *starts = scratch->starts;
    uint32_t index = 0;
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

/* Unpacks a row of weights into the words of each group of outputs; `word`: in the first group. */
static void PRIOT_HOT unpack_row(const engine_layer *layer, const int8_t *row, uint32_t *word, uint32_t rows,
                                 uint32_t index) {
    const uint32_t outputs = layer->config.out_channels;
    for (uint32_t group = 0, count; group < outputs; group += count) {
        count = outputs - group >= 2 * M0PLUS_GROUP ? 2 * M0PLUS_GROUP : M0PLUS_GROUP;
        const uint32_t *four = (const uint32_t *)(const void *)(row + group);
        uint32_t *to = word + index * (count / 2);
        for (const uint32_t *const end = four + count / 4; four < end; four++, to += 2) {
            const int32_t weights = (int32_t)*four;
            to[0] = (uint32_t)(int8_t)weights + ((uint32_t)(int8_t)(weights >> 8) << 16);
            to[1] = (uint32_t)(int8_t)(weights >> 16) + ((uint32_t)(weights >> 24) << 16);
        }
        word += rows * (count / 2);
    }
}

/* Reads the weights of channels [first, first + count), but for rows whose every input is zero. */
static void PRIOT_HOT read_block(const engine_layer *layer, engine_row_reader read, bool frozen, uint32_t first,
                                 uint32_t count, const forward_scratch *scratch) {
    const uint32_t taps = m0plus_taps(layer), channels = layer->config.in_channels;
    for (uint32_t tap = 0; tap < taps; tap++) {
        for (uint32_t c = 0; c < count; c++) {
            read(layer, tap * channels + first + c, frozen, layer->memory.row);
            unpack_row(layer, layer->memory.row, scratch->weights, taps * count, tap * count + c);
        }
    }
}

/* Lists the kernel rows of accumulator row oy that lie inside the map, of `channels` channels. */
static void PRIOT_HOT list_rows(const engine_layer *layer, uint32_t oy, uint32_t channels,
                                const forward_scratch *scratch) {
    const engine_layer_config *config = &layer->config;
    const engine_taps inside =
        engine_taps_inside(oy, config->stride, config->padding, config->kernel, config->in_height);
    const uint32_t kernel_row = config->kernel * channels, map_row = config->in_width * channels;
    m0plus_window_row *row = scratch->rows;
    int32_t tap = (int32_t)(inside.first * kernel_row - inside.in * map_row);
    const uint16_t *starts = scratch->starts + inside.in * config->in_width;
    for (uint32_t ky = inside.first; ky < inside.last; ky++, row++, starts += config->in_width) {
        *row = (m0plus_window_row){.starts = starts, .tap = tap};
        tap += (int32_t)kernel_row - (int32_t)map_row;
    }
    row->starts = NULL;
}

/* Adds what gathered windows hold, [channel][window], to their accumulators. */
static void PRIOT_HOT add_gathered(const int32_t *gathered, uint32_t outputs, uint32_t count, int32_t *acc,
                                   uint32_t pitch) {
    for (uint32_t window = 0; window < count; window++, acc += pitch) {
        const int32_t *from = gathered + window;
        for (int32_t *to = acc, *const end = acc + outputs; to < end; to++, from += M0PLUS_WINDOWS) {
            *to += *from;
        }
    }
}

/* Adds a block's share to accumulator row oy. */
static void PRIOT_HOT add_row(const engine_layer *layer, uint32_t oy, uint32_t channels, const forward_scratch *scratch,
                              int32_t *acc) {
    const engine_layer_config *config = &layer->config;
    const uint32_t outputs = config->out_channels, width = layer->shape.conv_width;
    const uint32_t rows = m0plus_taps(layer) * channels;
    list_rows(layer, oy, channels, scratch);
    for (uint32_t ox = 0, count; ox < width; ox += count, acc += count * outputs) {
        count = width - ox < M0PLUS_WINDOWS ? width - ox : M0PLUS_WINDOWS;
        for (uint32_t window = 0; window < count; window++) {
            const int32_t left = (int32_t)((ox + window) * config->stride) - (int32_t)config->padding;
            const int32_t right = left + (int32_t)config->kernel, side = (int32_t)config->in_width;
            scratch->windows[window] = (m0plus_window){
                .rows = scratch->rows,
                .first = (uint32_t)(left < 0 ? 0 : left) * sizeof(uint16_t),
                .last = (uint32_t)(right < side ? right : side) * sizeof(uint16_t),
                .left = left * (int32_t)channels,
            };
        }
        m0plus_gather gather = {.windows = scratch->windows,
                                .windows_end = scratch->windows + count,
                                .inputs = scratch->inputs,
                                .weights = scratch->weights,
                                .acc = scratch->gathered,
                                .budget = INT16_MAX / layer->step.largest_weight};
        for (uint32_t o = 0, group; o < outputs; o += group) {
            group = outputs - o >= 2 * M0PLUS_GROUP ? 2 * M0PLUS_GROUP : M0PLUS_GROUP;
            (group == M0PLUS_GROUP ? m0plus_gather8 : m0plus_gather16)(&gather);
            gather.weights += rows * group / 2;
            add_gathered(scratch->gathered, group, count, acc + o, outputs);
        }
    }
}

void PRIOT_HOT m0plus_streamed_forward(const engine_layer *layer, engine_row_reader read, bool frozen, int32_t *acc) {
    const engine_layer_config *config = &layer->config;
    if (!m0plus_streams(layer) || layer->memory.kernel_scratch == NULL) {
        engine_plain_streamed.forward(layer, read, frozen, acc);
        return;
    }
    forward_scratch scratch;
    (void)place(layer, layer->memory.kernel_scratch, &scratch);
    const uint32_t pitch = layer->shape.conv_width * config->out_channels, side = config->pool ? 2 : 1;
    const uint32_t rows = layer->shape.out_height * side, channels = config->in_channels;
    for (uint32_t oy = 0, count; oy < rows; oy += count) {
        count = rows - oy < scratch.band ? rows - oy : scratch.band;
        engine_begin_pixels(layer, count * layer->shape.conv_width, scratch.acc);
        for (uint32_t first = 0, block; first < channels; first += block) {
            block = channels - first < scratch.block ? channels - first : scratch.block;
            if (oy == 0 || block < channels) { /* else they are there from the band before */
                list_inputs(layer, first, block, &scratch);
                read_block(layer, read, frozen, first, block, &scratch);
            }
            for (uint32_t row = 0; row < count; row++) {
                add_row(layer, oy + row, block, &scratch, scratch.acc + row * pitch);
            }
        }
        engine_requantise(layer, oy / side, (oy + count) / side, scratch.acc);
    }
}
