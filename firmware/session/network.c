/* Opens a network and moves its tensors. Each tensor is written, then committed, in the order scored (priot-s only),
 * weights, state; what is committed stays until a network is opened again. */
#include "session_internal.h"

#include <string.h>

static bool config_from_request(const priot_OpenNetwork *request, engine_config *config) {
    memset(config, 0, sizeof *config);
    config->method = (engine_method)request->method;
    config->kernels = (engine_kernels)request->kernels;
    config->threshold = request->threshold;
    config->mu = request->mu;
    config->input_exponent = request->input_exponent;
    config->loss_shift = request->loss_shift;
    config->layer_count = request->layers_count;
    bool in_range = request->kernels <= _priot_Kernels_MAX;
    for (uint32_t i = 0; i < config->layer_count; i++) {
        const priot_Layer *from = &request->layers[i];
        engine_layer_config *to = &config->layers[i];
        in_range = in_range && from->operation <= _priot_LayerOperation_MAX &&
                   from->below_threshold <= _priot_BelowThreshold_MAX;
        to->operation = (engine_operation)from->operation;
        to->in_height = from->in_height;
        to->in_width = from->in_width;
        to->in_channels = from->in_channels;
        to->out_channels = from->out_channels;
        to->kernel = from->kernel;
        to->kernel_columns = from->kernel_columns;
        to->stride = from->stride;
        to->stride_columns = from->stride_columns;
        to->padding = from->padding;
        to->padding_left = from->padding_left;
        to->padding_bottom = from->padding_bottom;
        to->padding_right = from->padding_right;
        to->depthwise = from->depthwise;
        to->pool = from->pool;
        to->relu = from->relu;
        to->weight_exponent = from->weight_exponent;
        to->bias = from->bias;
        to->bias_exponent = from->bias_exponent;
        to->below_threshold = (engine_below_threshold)from->below_threshold;
        to->activation_shift = from->activation_shift;
        to->error_shift = from->error_shift;
        to->update_shift = from->update_shift;
        to->scored_edges = from->scored_edges;
    }
    return in_range;
}

static void reply_memory_plan(bool fits) {
    const engine_memory_plan *plan = &session.plan;
    reply_begin(priot_DeviceMessage_memory_plan_tag);
    session.reply.body.memory_plan = (priot_MemoryPlan){
        .fits = fits,
        .weights_in_flash = plan->weights_in_flash,
        .effective_weights_kept = plan->effective_weights_kept,
        .fast_kernels = plan->fast_kernels,
        .required_bytes = plan->required_bytes,
        .arena_bytes = session.planned_arena_bytes,
        .weights_bytes = plan->weights_bytes,
        .state_bytes = plan->state_bytes,
        .activation_bytes = plan->activation_bytes,
        .error_bytes = plan->error_bytes,
        .other_bytes = plan->other_bytes,
        .flash_bytes = plan->flash_bytes,
        .estimated_cycles = plan->estimated_cycles,
        .fastest_cycles = plan->fastest_cycles,
        .fastest_bytes = plan->fastest_bytes,
    };
}

static void close_network(void) {
    end_session();
    engine_close(engine_instance());
    session.open_request_id = 0;
    session.stage = STAGE_SCORED;
}

void handle_open_network(const priot_OpenNetwork *request) {
    /* The same request once more (its reply was lost, or the line doubled it) must not wipe what was written since. */
    uint32_t request_id = session.request.request_id;
    if (engine_is_open(engine_instance()) && session.open_request_id == request_id) {
        reply_memory_plan(true);
        return;
    }
    close_network();
    if (request->method > _priot_Method_MAX) {
        reply_failure(priot_FailureCode_FAILURE_CODE_UNSUPPORTED, "no method this firmware knows");
        return;
    }
    engine_config config;
    if (!config_from_request(request, &config)) {
        reply_failure(priot_FailureCode_FAILURE_CODE_MALFORMED, "a field out of its range");
        return;
    }
    uint32_t limit = request->memory_limit_bytes;
    uint32_t arena_bytes = session.identity.arena_bytes;
    engine_limits limits = {
        .arena_bytes = limit != 0 && limit < arena_bytes ? limit : arena_bytes,
        .weights_flash_bytes = session.platform.program_weights != NULL ? session.identity.weights_flash_bytes : 0,
    };
    engine_fault fault = {"", 0, 0};
    memset(&session.plan, 0, sizeof session.plan);
    session.planned_arena_bytes = limits.arena_bytes;
    handling_pause();
    engine_status status =
        engine_open(engine_instance(), &config, &limits, session.identity.arena, &session.plan, &fault);
    handling_resume();
    if (status == ENGINE_OUT_OF_MEMORY) {
        reply_memory_plan(false);
        return;
    }
    if (status != ENGINE_OK) {
        reply_engine_failure(status, &fault);
        return;
    }
    uint32_t image_bytes = engine_image_bytes(engine_instance());
    if (image_bytes > SESSION_MAX_IMAGE_BYTES) {
        close_network();
        reply_failure_at(priot_FailureCode_FAILURE_CODE_BAD_NETWORK, "an image larger than a frame can carry", 1,
                         (int32_t)image_bytes);
        return;
    }
    session.open_request_id = request_id;
    session.stage = config.method == ENGINE_PRIOT_S ? STAGE_SCORED : STAGE_WEIGHTS;
    reply_memory_plan(true);
}

/* ---- tensors ---------------------------------------------------------------------------------------------------- */

static bool stage_of(priot_Tensor tensor, upload_stage *stage) {
    switch (tensor) {
    case priot_Tensor_TENSOR_SCORED:
        *stage = STAGE_SCORED;
        return true;
    case priot_Tensor_TENSOR_WEIGHTS:
        *stage = STAGE_WEIGHTS;
        return true;
    case priot_Tensor_TENSOR_STATE:
        *stage = STAGE_STATE;
        return true;
    case priot_Tensor_TENSOR_BIASES:     /* no network has them yet */
    case priot_Tensor_TENSOR_CHECKPOINT: /* is read alone, and elsewhere */
        return false;
    }
    return false;
}

/* Answers and returns false when no network is open or there is no such tensor. */
static bool find_stage(priot_Tensor tensor, upload_stage *stage) {
    if (!stage_of(tensor, stage)) {
        reply_failure(priot_FailureCode_FAILURE_CODE_MALFORMED, "no such tensor");
        return false;
    }
    if (!engine_is_open(engine_instance())) {
        reply_failure(priot_FailureCode_FAILURE_CODE_WRONG_ORDER, "no network is open");
        return false;
    }
    return true;
}

bool check_chunk(uint32_t bytes, uint32_t offset, uint32_t length) {
    if (length == 0 || length > SESSION_MAX_CHUNK_BYTES) {
        reply_failure_at(priot_FailureCode_FAILURE_CODE_OUT_OF_RANGE, "a chunk of 1 to 1024 bytes is due", 0,
                         (int32_t)length);
        return false;
    }
    if (offset > bytes || length > bytes - offset) {
        reply_failure_at(priot_FailureCode_FAILURE_CODE_OUT_OF_RANGE, "a chunk beyond the end of the tensor", 0,
                         (int32_t)offset);
        return false;
    }
    return true;
}

void handle_write_tensor(const priot_WriteTensor *request) {
    upload_stage stage;
    if (!find_stage(request->tensor, &stage)) {
        return;
    }
    if (stage != session.stage) {
        reply_failure(priot_FailureCode_FAILURE_CODE_WRONG_ORDER,
                      stage < session.stage ? "the tensor is committed; open the network again to write it"
                                            : "another tensor must be committed first");
        return;
    }
    const byte_span *data = &session.request_blob;
    if (!check_chunk(engine_edge_count(engine_instance()), request->offset, data->length)) {
        return;
    }
    handling_pause();
    engine_status status = engine_write_tensor(engine_instance(), (engine_tensor)request->tensor, request->offset,
                                               data->bytes, data->length);
    handling_resume();
    if (status != ENGINE_OK) {
        engine_fault fault = {"a value out of the tensor's range", 0, (int32_t)request->offset};
        reply_engine_failure(status, &fault);
        return;
    }
    reply_done();
}

/* Answers and returns false when the weights could not be programmed. */
static bool weights_to_flash(void) {
    uint32_t length = 0;
    const int8_t *staged = engine_staged_weights(engine_instance(), &length);
    handling_pause();
    const int8_t *programmed = session.platform.program_weights(session.platform.context, staged, length);
    handling_resume();
    if (programmed == NULL) {
        reply_failure(priot_FailureCode_FAILURE_CODE_FLASH, "the weights could not be programmed into flash");
        return false;
    }
    engine_use_flash_weights(engine_instance(), programmed);
    return true;
}

void handle_commit_tensor(const priot_CommitTensor *request) {
    upload_stage stage;
    if (!find_stage(request->tensor, &stage)) {
        return;
    }
    if (stage > session.stage) {
        reply_failure(priot_FailureCode_FAILURE_CODE_WRONG_ORDER, "another tensor must be committed first");
        return;
    }
    if (stage < session.stage) {
        reply_done(); /* committed before: the same request once more */
        return;
    }
    if (stage == STAGE_WEIGHTS && session.plan.weights_in_flash && !weights_to_flash()) {
        return;
    }
    handling_pause();
    engine_status status = engine_commit_tensor(engine_instance(), (engine_tensor)request->tensor);
    handling_resume();
    if (status != ENGINE_OK) {
        engine_fault fault = {"the tensor does not agree with the network", 0, 0};
        reply_engine_failure(status, &fault);
        return;
    }
    session.stage = (upload_stage)(stage + 1);
    reply_done();
}

uint8_t *reply_tensor_data(const priot_ReadTensor *request) {
    /* The request is decoded, so its frame's memory is free for the answer. */
    uint8_t *data = session.decoder.frame;
    reply_begin(priot_DeviceMessage_tensor_data_tag);
    session.reply.body.tensor_data.tensor = request->tensor;
    session.reply.body.tensor_data.offset = request->offset;
    session.reply_blob = (byte_span){data, request->length};
    return data;
}

void handle_read_tensor(const priot_ReadTensor *request) {
    upload_stage stage;
    if (request->tensor == priot_Tensor_TENSOR_CHECKPOINT) {
        handle_read_checkpoint_state(request);
        return;
    }
    if (!find_stage(request->tensor, &stage)) {
        return;
    }
    if (stage >= session.stage) {
        reply_failure(priot_FailureCode_FAILURE_CODE_WRONG_ORDER, "the tensor is not committed yet");
        return;
    }
    if (!check_chunk(engine_edge_count(engine_instance()), request->offset, request->length)) {
        return;
    }
    uint8_t *data = reply_tensor_data(request);
    handling_pause();
    engine_status status =
        engine_read_tensor(engine_instance(), (engine_tensor)request->tensor, request->offset, data, request->length);
    handling_resume();
    if (status != ENGINE_OK) {
        engine_fault fault = {"the tensor cannot be read", 0, (int32_t)request->offset};
        reply_engine_failure(status, &fault);
    }
}
