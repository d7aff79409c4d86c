#include "streamed.h"

bool m0plus_streams(const engine_layer *layer) {
    const engine_layer_config *config = &layer->config;
    const bool square = config->kernel_columns == config->kernel && config->stride_columns == config->stride;
    const bool symmetric = config->padding_left == config->padding && config->padding_bottom == config->padding &&
                           config->padding_right == config->padding;
    return layer->memory.streamed && square && symmetric && config->out_channels % M0PLUS_GROUP == 0 &&
           config->kernel <= M0PLUS_MAX_KERNEL && config->padding < config->kernel &&
           config->in_height <= M0PLUS_MAX_SIDE && config->in_width <= M0PLUS_MAX_SIDE && config->stride <= UINT8_MAX &&
           layer->shape.unsigned_inputs && m0plus_padded_bytes(layer) <= UINT16_MAX &&
           m0plus_block_channels(layer, 2) > 0;
}
