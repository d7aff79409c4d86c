#include "network_codec.h"

static bool layer_from(const priot_Layer *from, engine_layer_config *to) {
    *to = (engine_layer_config){
        .operation = (engine_operation_id)from->operation,
        .in_height = from->in_height,
        .in_width = from->in_width,
        .in_channels = from->in_channels,
        .out_channels = from->out_channels,
        .kernel = from->kernel,
        .kernel_columns = from->kernel_columns,
        .stride = from->stride,
        .stride_columns = from->stride_columns,
        .padding = from->padding,
        .padding_left = from->padding_left,
        .padding_bottom = from->padding_bottom,
        .padding_right = from->padding_right,
        .depthwise = from->depthwise,
        .pool = from->pool,
        .relu = from->relu,
        .weight_exponent = from->weight_exponent,
        .bias = from->bias,
        .bias_exponent = from->bias_exponent,
        .below_threshold = (engine_below_threshold)from->below_threshold,
        .activation_shift = from->activation_shift,
        .error_shift = from->error_shift,
        .update_shift = from->update_shift,
        .scored_edges = from->scored_edges,
    };
    return from->operation <= _priot_LayerOperation_MAX && from->below_threshold <= _priot_BelowThreshold_MAX;
}

bool network_begin(engine *self, const priot_OpenNetwork *request, const byte_span *body, const engine_arena *arena,
                   engine_status *status, engine_fault *fault) {
    const engine_config config = {
        .method = (engine_method)request->method,
        .kernels = (engine_kernels)request->kernels,
        .threshold = request->threshold,
        .mu = request->mu,
        .input_exponent = request->input_exponent,
        .loss_shift = request->loss_shift,
        .cores = request->cores,
    };
    if (request->kernels > _priot_Kernels_MAX) {
        return false;
    }
    *status = engine_begin(self, &config, arena, fault);
    byte_span rest = *body;
    priot_Layer layer;
    while (message_next_layer(&rest, &layer)) {
        engine_layer_config layer_config;
        if (!layer_from(&layer, &layer_config)) {
            return false;
        }
        if (*status == ENGINE_OK) {
            *status = engine_add_layer(self, &layer_config, fault);
        }
    }
    return true;
}
