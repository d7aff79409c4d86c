/* Cortex-M0+ errors: only for the positive inputs, from lists of non-zero deltas. */
#include "backward.h"

#include "../../arithmetic.h"
#include "../../deltas.h"
#include "../plain.h"

#include <string.h>

bool PRIOT_HOT m0plus_linear_below(const engine_layer *layer, const engine_sparse_delta *deltas, uint32_t count,
                                   int8_t *below) {
    const layer_memory *memory = m0plus_memory(layer);
    if (memory == NULL || !layer->shape.below_has_relu) {
        return false;
    }
    sparse_element *const list = m0plus_scratch_of(layer)->linear_deltas.list;
    for (uint32_t i = 0; i < count; i++) {
        list[i] = sparse_pack(deltas[i].output, (int8_t)deltas[i].delta);
    }
    const m0plus_segment segments[] = {{list, list + count, 0}, {NULL, NULL, 0}};
    if (count > 0 && memory->input_count > 0) {
        const m0plus_dots dots = {
            .segments = segments,
            .weights = (uintptr_t)layer->memory.effective,
            .pitch = layer->config.out_channels,
            .inputs = memory->inputs,
            .inputs_end = memory->inputs + memory->input_count,
            .below = below,
            .half = rounding_half(layer->step.error_shift),
            .shift = layer->step.error_shift,
        };
        m0plus_dot_inputs(&dots);
    }
    return true;
}

/* A delta of a convolution: pixel of the accumulator map, output channel, delta. */
static inline uint32_t pack_delta(uint32_t pixel, uint32_t channel, int8_t delta) {
    return pixel << 16 | channel << 8 | (uint8_t)delta;
}

/* Where an output may have a delta: with ReLU where it is not 0, and those the layer above has listed. Replaces that
 * list, which nobody needs any more, by the non-zero deltas, and counts each pixel's; their number. */
static uint32_t PRIOT_HOT list_deltas(const engine_layer *layer, uint32_t *list, uint32_t candidates,
                                      uint16_t *counts) {
    const uint32_t outputs = layer->config.out_channels, row_outputs = layer->shape.out_width * outputs;
    const uint32_t width = layer->shape.conv_width;
    const uint32_t side = layer->config.pool ? 2 : 1; /* accumulators that an output comes from, in each direction */
    const uint32_t skipped =
        side * (width - layer->shape.out_width); /* from past a row's last output to the next row */
    const uint32_t places[4] = {0, 1, width, width + 1};
    const int8_t *const deltas = layer->memory.delta;
    const uint8_t *const positions = layer->config.pool ? layer->memory.positions : NULL;
    if (!layer->config.relu) {
        candidates = layer->shape.out_count;
        for (uint32_t i = 0; i < candidates; i++) {
            list[i] = sparse_pack(i, 0);
        }
    }
    uint32_t *next = list;
    uint32_t pixel = 0, end = outputs, row_end = row_outputs; /* outputs of the pixel and of its row end there */
    for (const uint32_t *candidate = list, *last = list + candidates; candidate < last; candidate++) {
        const uint32_t index = sparse_index(*candidate);
        const int8_t delta = deltas[index];
        if (delta == 0) {
            continue;
        }
        while (index >= end) {
            end += outputs;
            pixel += side;
            if (end > row_end) {
                row_end += row_outputs;
                pixel += skipped;
            }
        }
        const uint32_t place = pixel + (positions == NULL ? 0 : places[positions[index]]);
        counts[place]++;
        *next++ = pack_delta(place, index - end + outputs, delta);
    }
    return (uint32_t)(next - list);
}

/* Lists the deltas in the order of the accumulator map, as a convolution's inputs are listed (sparse.h). `reader`: of
 * the layer above. */
static void PRIOT_HOT sort_deltas(const engine_layer *layer, const layer_memory *reader, sparse_element *sorted,
                                  uint16_t *starts) {
    const uint32_t outputs = layer->config.out_channels, pixels = layer->shape.conv_height * layer->shape.conv_width;
    memset(starts, 0, (pixels + 1) * sizeof *starts);
    const uint32_t *const list = reader->inputs;
    const uint32_t *const end = list + list_deltas(layer, reader->inputs, reader->input_count, starts);
    uint32_t sum = 0;
    for (uint16_t *start = starts, *last = starts + pixels; start <= last; start++) {
        sum += *start;
        *start = (uint16_t)sum; /* for now where the pixel's end */
    }
    for (const uint32_t *delta = list; delta < end; delta++) {
        const uint32_t pixel = *delta >> 16;
        const uint32_t place = starts[pixel] - 1u;
        starts[pixel] = (uint16_t)place;
        sorted[place] = sparse_pack(pixel * outputs + (*delta >> 8 & 0xff), (int8_t)*delta);
    }
}

/* A kernel row on the accumulator map, for one row of inputs. */
typedef struct {
    const uint16_t *starts;
    int32_t tap; /* m0plus.h; at the map's left edge */
} delta_row;

/* The kernel rows that inputs of row iy took part in, as far as they lie in the accumulator map; their number. */
static uint32_t list_rows(const engine_layer *layer, const uint16_t *starts, uint32_t iy, delta_row *rows) {
    const engine_layer_config *config = &layer->config;
    uint32_t count = 0;
    for (uint32_t ky = 0; ky < config->kernel; ky++) {
        const uint32_t oy = iy + config->padding - ky; /* wraps above the map */
        if (oy < layer->shape.conv_height) {
            const uint32_t pixel = oy * layer->shape.conv_width;
            rows[count++] =
                (delta_row){starts + pixel, (int32_t)((ky * config->kernel - pixel) * config->out_channels)};
        }
    }
    return count;
}

/* The segments of the deltas that the input at column ix took part in; false: none. */
static inline bool list_segments(const engine_layer *layer, const sparse_element *deltas, const delta_row *rows,
                                 uint32_t row_count, uint32_t ix, m0plus_segment *segments) {
    const engine_layer_config *config = &layer->config;
    const int32_t right = (int32_t)(ix + config->padding) + 1, left = right - (int32_t)config->kernel;
    const uint32_t width = layer->shape.conv_width, first = (uint32_t)(left < 0 ? 0 : left);
    const uint32_t last = (uint32_t)right < width ? (uint32_t)right : width; /* past the last */
    if (first >= last) {
        return false;
    }
    m0plus_segment *next = segments;
    for (const delta_row *row = rows; row < rows + row_count; row++) {
        const uint32_t from = row->starts[first], to = row->starts[last];
        if (from != to) {
            *next++ = (m0plus_segment){deltas + from, deltas + to, row->tap - left * (int32_t)config->out_channels};
        }
    }
    *next = (m0plus_segment){NULL, NULL, 0};
    return next > segments;
}

static void PRIOT_HOT gather_errors(const engine_layer *layer, const sparse_element *deltas, const uint16_t *starts,
                                    int8_t *below) {
    const layer_memory *memory = m0plus_memory(layer);
    const engine_layer_config *config = &layer->config;
    const uint32_t channels = config->in_channels, pitch = config->kernel * config->kernel * config->out_channels;
    m0plus_segment segments[M0PLUS_MAX_KERNEL + 1];
    delta_row rows[M0PLUS_MAX_KERNEL];
    m0plus_dots dots = {
        .segments = segments,
        .weights = (uintptr_t)memory->by_input,
        .pitch = pitch,
        .below = below,
        .half = rounding_half(layer->step.error_shift),
        .shift = layer->step.error_shift,
    };
    const uint16_t *pixel = memory->starts;
    for (uint32_t iy = 0; iy < config->in_height; iy++) {
        const uint32_t row_count = list_rows(layer, starts, iy, rows);
        for (uint32_t ix = 0; ix < config->in_width; ix++, pixel++, dots.weights -= channels * pitch) {
            if (pixel[0] != pixel[1] && list_segments(layer, deltas, rows, row_count, ix, segments)) {
                dots.inputs = memory->inputs + pixel[0];
                dots.inputs_end = memory->inputs + pixel[1];
                m0plus_dot_inputs(&dots);
            }
        }
    }
}

bool m0plus_below_reads_copies(const engine_layer *layer) {
    return m0plus_memory(layer) != NULL && layer->memory.reader_memory != NULL && m0plus_gathers_errors(layer);
}

/* Makes a convolution of the deltas with the kernel turned round, at the positive inputs. */
void PRIOT_HOT m0plus_below(const engine_layer *layer, int32_t *error, int8_t *channel_weights, int8_t *below) {
    layer_memory *reader = layer->memory.reader_memory;
    if (!m0plus_below_reads_copies(layer)) {
        engine_plain_convolution.errors(layer, error, channel_weights);
        engine_requantise_errors(layer, error, below);
        return;
    }
    m0plus_map_deltas *const deltas = &m0plus_scratch_of(layer)->map_deltas;
    deltas->starts = (uint16_t *)(deltas->list + layer->shape.out_count);
    sort_deltas(layer, reader, deltas->list, deltas->starts);
    memset(below, 0, layer->shape.in_count);
    gather_errors(layer, deltas->list, deltas->starts, below);
}
