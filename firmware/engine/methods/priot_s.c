/* PRIOT-S: scores only for some edges; the others keep their weight for ever. Scored edges are stored as groups
 * (layer.h) of sorted indices: three bytes per scored edge, four where groups are longer than 256, and two per group.
 * Against a bitmap (an eighth of a byte for every edge) that is less below about 10 % scored, and an update walks its
 * scored edges alone instead of testing bits.
 *
 * In a streamed convolution, whose weights are in flash alone, a scored edge takes two bytes: its index in its row of
 * at most 256 outputs, and its score. Differences from one index to the next would take as much, and would have to be
 * added up from a row's start. */
#include "methods.h"

#include "../kernels/kernels.h"

#include <string.h>

typedef struct {
    uint32_t count, groups, group_size;
    engine_entry *starts;     /* groups + 1 */
    int8_t *weights, *scores; /* weights NULL: the layer is streamed */
    uint8_t *index_low;       /* of each entry: its edge within the group, the lowest 8 bits */
    uint8_t *index_middle;    /* 8 bits more, when a group is longer than 256; else NULL */
    uint8_t *index_high;      /* 8 bits more, when it is longer than 65,536; else NULL */
} scored_edges;

static uint32_t index_bytes(uint32_t group_size) {
    return group_size > 65536 ? 3 : group_size > 256 ? 2 : 1;
}

static engine_layer_bytes layer_bytes(const engine_layer *layer) {
    const engine_layer_shape *shape = &layer->shape;
    const uint32_t scored = layer->config.scored_edges;
    return (engine_layer_bytes){
        .flags = layer->memory.weights_in_flash ? (shape->edges + 7u) / 8u : 0,
        .effective = layer->memory.effective_kept ? shape->edges : 0,
        .index = (uint32_t)sizeof(scored_edges) + (uint32_t)sizeof(engine_entry) * (shape->groups + 1) +
                 index_bytes(shape->group_size) * scored,
        .state = layer->memory.streamed ? scored : 2 * scored,
    };
}

static void set_pointers(engine_layer *layer) {
    scored_edges *scored = layer->memory.index;
    const uint32_t count = layer->config.scored_edges;
    scored->count = count;
    scored->groups = layer->shape.groups;
    scored->group_size = layer->shape.group_size;
    scored->starts = (engine_entry *)(void *)(scored + 1);
    scored->index_low = (uint8_t *)(scored->starts + scored->groups + 1);
    scored->index_middle = scored->group_size > 256 ? scored->index_low + count : NULL;
    scored->index_high = scored->group_size > 65536 ? scored->index_low + 2 * count : NULL;
    scored->weights = layer->memory.streamed ? NULL : layer->memory.state;
    scored->scores = layer->memory.streamed || count == 0 ? layer->memory.state : scored->weights + count;
}

static inline uint32_t index_of(const scored_edges *scored, uint32_t entry) {
    uint32_t index = scored->index_low[entry];
    if (scored->index_middle != NULL) {
        index |= (uint32_t)scored->index_middle[entry] << 8;
    }
    if (scored->index_high != NULL) {
        index |= (uint32_t)scored->index_high[entry] << 16;
    }
    return index;
}

static uint32_t effective_of_edge(const engine_layer *layer, uint32_t edge) {
    const uint32_t size = layer->shape.group_size;
    return effective_index(layer, edge / size, edge % size);
}

/* The scored entry of an edge; count when it has none. */
static uint32_t find(const scored_edges *scored, uint32_t edge) {
    const uint32_t group = edge / scored->group_size, wanted = edge % scored->group_size;
    uint32_t low = scored->starts[group], high = scored->starts[group + 1];
    while (low < high) {
        const uint32_t middle = (low + high) / 2;
        if (index_of(scored, middle) < wanted) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < scored->starts[group + 1] && index_of(scored, low) == wanted ? low : scored->count;
}

/* Scored flags wait in the weights' place until all are known: as bits where those go to flash, else as bytes. */
static void set_flag(const engine_layer *layer, uint32_t edge, bool flag) {
    if (!layer->memory.weights_in_flash) {
        layer->memory.effective[edge] = flag;
        return;
    }
    const uint8_t bit = (uint8_t)(1u << edge % 8);
    uint8_t *byte = layer->memory.flags + edge / 8;
    *byte = (uint8_t)(flag ? *byte | bit : *byte & ~bit);
}

static bool flag_of(const engine_layer *layer, uint32_t edge) {
    return layer->memory.weights_in_flash ? (layer->memory.flags[edge / 8] >> edge % 8 & 1u) != 0
                                          : layer->memory.effective[edge] != 0;
}

/* The weight as it was written: of an edge without a score, or before the first refresh. */
static int8_t written_weight(const engine_layer *layer, uint32_t edge) {
    return layer->memory.weights_in_flash ? layer->memory.weights[edge]
                                          : layer->memory.effective[effective_of_edge(layer, edge)];
}

static void set(engine_layer *layer, engine_tensor tensor, uint32_t edge, int8_t value) {
    scored_edges *scored = layer->memory.index;
    if (tensor == ENGINE_SCORED) {
        set_flag(layer, edge, value != 0);
        return;
    }
    if (tensor == ENGINE_WEIGHTS) {
        if (layer->memory.weights_in_flash) {
            layer->memory.weights_sram[edge] = value;
        } else {
            layer->memory.effective[effective_of_edge(layer, edge)] = value;
        }
        return;
    }
    const uint32_t entry = find(scored, edge);
    if (entry < scored->count) {
        scored->scores[entry] = value;
    }
}

static int8_t get(const engine_layer *layer, engine_tensor tensor, uint32_t edge) {
    const scored_edges *scored = layer->memory.index;
    const uint32_t entry = find(scored, edge);
    const bool has_score = entry < scored->count;
    switch (tensor) {
    case ENGINE_WEIGHTS:
        return has_score && scored->weights != NULL ? scored->weights[entry] : written_weight(layer, edge);
    case ENGINE_SCORED:
        return has_score;
    default:
        return has_score ? scored->scores[entry] : ENGINE_NO_SCORE;
    }
}

static bool scored_done(engine_layer *layer) {
    scored_edges *scored = layer->memory.index;
    uint32_t entry = 0, edge = 0;
    for (uint32_t group = 0; group < scored->groups; group++) {
        scored->starts[group] = (engine_entry)entry;
        for (uint32_t index = 0; index < scored->group_size; index++, edge++) {
            if (!flag_of(layer, edge)) {
                continue;
            }
            if (entry == scored->count) {
                return false;
            }
            scored->index_low[entry] = (uint8_t)index;
            if (scored->index_middle != NULL) {
                scored->index_middle[entry] = (uint8_t)(index >> 8);
            }
            if (scored->index_high != NULL) {
                scored->index_high[entry] = (uint8_t)(index >> 16);
            }
            entry++;
        }
    }
    scored->starts[scored->groups] = (engine_entry)entry;
    return entry == scored->count;
}

static void weights_done(engine_layer *layer) {
    const scored_edges *scored = layer->memory.index;
    for (uint32_t group = 0; scored->weights != NULL && group < scored->groups; group++) {
        for (uint32_t entry = scored->starts[group]; entry < scored->starts[group + 1]; entry++) {
            scored->weights[entry] = written_weight(layer, group * scored->group_size + index_of(scored, entry));
        }
    }
}

static void refresh(engine_layer *layer, bool frozen) {
    const scored_edges *scored = layer->memory.index;
    for (uint32_t group = 0; group < scored->groups; group++) {
        for (uint32_t entry = scored->starts[group]; entry < scored->starts[group + 1]; entry++) {
            const int8_t weight = scored->weights[entry];
            layer->memory.effective[effective_index(layer, group, index_of(scored, entry))] =
                frozen ? weight : effective_weight(layer, weight, scored->scores[entry]);
        }
    }
}

/* An entry's score has crossed the threshold. */
static void cross(engine_layer *layer, uint32_t group, uint32_t index, uint32_t entry) {
    const scored_edges *scored = layer->memory.index;
    if (layer->memory.effective_kept) {
        layer->memory.effective[effective_index(layer, group, index)] =
            effective_weight(layer, scored->weights[entry], scored->scores[entry]);
        mark_changed(layer, same_order(layer) ? index : group);
    }
}

/* Updates one entry; |gradient| is not negligible. */
static inline void update_entry(engine_layer *layer, const scored_edges *scored, uint32_t group, uint32_t entry,
                                uint32_t index, int32_t gradient) {
    const uint32_t shift = layer->step.update_shift;
    const int8_t old = scored->scores[entry];
    const int8_t updated = updated_score(old, gradient, scored->weights[entry], rounding_half(shift), shift);
    if (updated != old) {
        scored->scores[entry] = updated;
        if (((old - layer->shape.threshold) ^ (updated - layer->shape.threshold)) < 0) {
            cross(layer, group, index, entry);
        }
    }
}

static inline bool is_negligible(int32_t gradient, int32_t negligible) {
    return (uint32_t)(gradient + negligible) <= 2u * (uint32_t)negligible;
}

/* The row in flash, with what its pruned edges have become. */
static void PRIOT_HOT effective_row(const engine_layer *layer, uint32_t row_index, bool frozen, int8_t *row) {
    const scored_edges *scored = layer->memory.index;
    memcpy(row, layer->memory.weights + row_index * scored->group_size, scored->group_size);
    const uint32_t end = frozen ? 0 : scored->starts[row_index + 1];
    for (uint32_t entry = scored->starts[row_index]; entry < end; entry++) {
        if (scored->scores[entry] < layer->shape.threshold) {
            int8_t *weight = row + index_of(scored, entry);
            *weight = effective_weight(layer, *weight, scored->scores[entry]);
        }
    }
}

static int32_t negligible(uint32_t shift, int32_t largest_weight) {
    return negligible_for_scores(shift, largest_weight);
}

static inline engine_scored_groups scored_groups(const engine_layer *layer, const scored_edges *scored) {
    return (engine_scored_groups){
        .row = score_row(layer, scored->weights, scored->scores, layer->memory.effective),
        .starts = scored->starts,
        .indices = scored->index_low,
        .group_pitch = layer->shape.group_pitch,
        .edge_pitch = layer->shape.edge_pitch,
    };
}

static engine_scored_groups scored_rows(const engine_layer *layer) {
    const scored_edges *scored = layer->memory.index;
    engine_scored_groups groups = scored_groups(layer, scored);
    groups.row.weights = layer->memory.weights;
    return groups;
}

/* Where every edge has a score, entries lie as edges do, and the kernels for PRIOT's scores can take them. */
static bool updated_by_kernels(const engine_layer *layer, const scored_edges *scored, int32_t smallest,
                               const engine_sparse_delta *deltas, uint32_t count) {
    const engine_kernel_table *kernels = layer->kernels;
    if (scored->count == layer->shape.edges) {
        const engine_score_row first = score_row(layer, scored->weights, scored->scores, layer->memory.effective);
        return kernels->update_score_rows != NULL && kernels->update_score_rows(layer, &first, smallest, deltas, count);
    }
    const engine_scored_groups groups = scored_groups(layer, scored);
    return kernels->update_scored_rows != NULL && scored->index_middle == NULL &&
           kernels->update_scored_rows(layer, &groups, smallest);
}

static bool update_rows(engine_layer *layer, int32_t smallest, const engine_sparse_delta *deltas, uint32_t count) {
    const scored_edges *scored = layer->memory.index;
    if (updated_by_kernels(layer, scored, smallest, deltas, count)) {
        return true;
    }
    const int8_t *const delta = layer->memory.delta;
    const int32_t negligible = layer->step.negligible;
    for (uint32_t input = 0; input < scored->groups; input++) {
        const int32_t x = layer->step.input[input];
        if (absolute(x) < smallest) {
            continue;
        }
        for (uint32_t entry = scored->starts[input], end = scored->starts[input + 1]; entry < end; entry++) {
            const uint32_t index = index_of(scored, entry);
            const int32_t gradient = delta[index] * x;
            if (!is_negligible(gradient, negligible)) {
                update_entry(layer, scored, input, entry, index, gradient);
            }
        }
    }
    return true;
}

static bool updates_listed(const engine_layer *layer) {
    const scored_edges *scored = layer->memory.index;
    return scored->count == layer->shape.edges
               ? layer->kernels->update_score_rows != NULL
               : layer->kernels->update_scored_rows != NULL && scored->index_middle == NULL;
}

static void update_channel(engine_layer *layer, uint32_t channel, const int32_t *gradient) {
    const scored_edges *scored = layer->memory.index;
    const engine_kernel_table *kernels = layer->kernels;
    const uint32_t first = scored->starts[channel], end = scored->starts[channel + 1];
    bool crossed;
    if (end - first == layer->shape.fan_in) {
        const engine_score_row row = score_row(layer, scored->weights + first, scored->scores + first,
                                               layer->memory.effective + effective_index(layer, channel, 0));
        crossed = kernels->update_channel_scores(&row, gradient, layer->shape.fan_in, layer->config.out_channels);
    } else if (kernels->update_scored_channel != NULL && scored->index_middle == NULL) {
        const engine_scored_groups groups = scored_groups(layer, scored);
        crossed = kernels->update_scored_channel(&groups, channel, gradient);
    } else {
        for (uint32_t entry = first; entry < end; entry++) {
            const uint32_t tap = index_of(scored, entry);
            if (!is_negligible(gradient[tap], layer->step.negligible)) {
                update_entry(layer, scored, channel, entry, tap, gradient[tap]);
            }
        }
        return;
    }
    if (crossed) {
        mark_changed(layer, channel);
    }
}

const engine_method_operations engine_method_priot_s = {
    .trains_scores = true,
    .max_scored_edges = ENGINE_MAX_SCORED_EDGES,
    .layer_bytes = layer_bytes,
    .set_pointers = set_pointers,
    .set = set,
    .get = get,
    .scored_done = scored_done,
    .weights_done = weights_done,
    .refresh = refresh,
    .effective_row = effective_row,
    .scored_rows = scored_rows,
    .negligible = negligible,
    .update_rows = update_rows,
    .updates_listed = updates_listed,
    .update_channel = update_channel,
};
