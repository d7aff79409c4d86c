/* Forward pass of linear layers on the Cortex-M0+: rows of weights of the non-zero inputs. */
#include "forward.h"

#include <string.h>

/* Inputs that a work list has room for. A segment that is full holds two or more, since any two inputs keep to any
 * budget (127 * (127 + 127) < 2^15): so many inputs, half as many segments, one that is not full, the end. */
#define LIST_INPUTS ((M0PLUS_WORK_ITEMS - 2) * 2 / 3)

#define COLUMNS 5u

/* Groups of outputs, from words of weights. */
static inline void add_rows(const engine_layer *layer, const layer_memory *memory, int32_t *acc) {
    const uint32_t outputs = layer->config.out_channels;
    const sparse_element *const end = memory->inputs + memory->input_count;
    m0plus_work *const work = m0plus_scratch_of(layer)->work;
    m0plus_rows rows = {memory->inputs, memory->inputs, (uintptr_t)layer->memory.effective, outputs,
                        memory->lane_budget};
    memset(acc, 0, outputs * sizeof *acc);
    while (rows.inputs < end) {
        rows.inputs_end = (uint32_t)(end - rows.inputs) > LIST_INPUTS ? rows.inputs + LIST_INPUTS : end;
        m0plus_list_rows(&rows, work);
        uint32_t group = 0;
        for (; group + 2 * M0PLUS_GROUP <= outputs; group += 2 * M0PLUS_GROUP) {
            m0plus_rows16(work, group, acc + group);
        }
        if (group + M0PLUS_GROUP <= outputs) {
            m0plus_rows8(work, group, acc + group);
            group += M0PLUS_GROUP;
        }
        if (group < outputs) {
            m0plus_rows4(work, group, acc + group);
        }
        rows.inputs = rows.inputs_end;
    }
}

/* Five outputs at a time, from bytes: rows that are not word by word, and inputs of either sign. */
static inline void add_columns(const engine_layer *layer, const layer_memory *memory, int32_t *acc) {
    const uint32_t outputs = layer->config.out_channels;
    m0plus_columns columns = {memory->inputs, memory->inputs + memory->input_count, 0, outputs};
    for (uint32_t done = 0; done < outputs; done += COLUMNS) {
        const uint32_t last = outputs - COLUMNS, first = done < last ? done : last; /* some of the last ones twice */
        columns.first = (uintptr_t)(layer->memory.effective + first);
        m0plus_columns5(&columns, acc + first);
    }
}

bool PRIOT_HOT m0plus_linear(const engine_layer *layer, int32_t *acc) {
    const layer_memory *memory = m0plus_memory(layer);
    const uint32_t outputs = layer->config.out_channels;
    if (memory == NULL || outputs < COLUMNS) {
        return false;
    }
    /* Of inputs without sign the sum is one of magnitudes. */
    if (layer->shape.unsigned_inputs && outputs % M0PLUS_WORD_BYTES == 0) {
        add_rows(layer, memory, acc);
    } else {
        add_columns(layer, memory, acc);
    }
    return true;
}
