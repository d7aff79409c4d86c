/* Forward pass of convolutions on the Cortex-M0+: which way a layer goes. */
#include "../plain.h"
#include "forward.h"

/* Runs from flash, as what it calls does. */
void m0plus_accumulate(const engine_layer *layer, uint32_t first, uint32_t end, int32_t *acc) {
    if (m0plus_memory(layer) == NULL) {
        engine_plain_convolution.accumulate(layer, first, end, acc);
    } else if (m0plus_reads_pixels(layer)) {
        m0plus_pixels_accumulate(layer, first, end, acc);
    } else {
        m0plus_windows_accumulate(layer, first, end, acc);
    }
}

bool m0plus_halves_rows(const engine_layer *layer) {
    const engine_layer_config *config = &layer->config;
    return m0plus_memory(layer) != NULL && config->relu && config->pool && !m0plus_reads_pixels(layer) &&
           layer->shape.out_width > 1;
}

void m0plus_output_rows(const engine_layer *layer, uint32_t first, uint32_t end, int32_t *acc) {
    const engine_layer_config *config = &layer->config;
    if (m0plus_memory(layer) == NULL || !config->relu || !config->pool) {
        const uint32_t rows = config->pool ? 2 : 1;
        for (uint32_t row = first; row < end; row++) {
            m0plus_accumulate(layer, row * rows, (row + 1) * rows, acc);
            engine_requantise(layer, row, row + 1, acc);
        }
    } else if (m0plus_reads_pixels(layer)) {
        m0plus_pixels_pool(layer, first, end);
    } else {
        m0plus_windows_pool(layer, first, end);
    }
}
