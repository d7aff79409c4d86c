/* Opens a network and moves its tensors. Each tensor is written, then committed, in the order scored (priot-s only),
 * biases (where there are some), weights, state; what is committed stays until a network is opened again. */
#include "handlers.h"
#include "network_codec.h"
#include "reply.h"
#include "work.h"

#include <string.h>

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
        .cores = plan->cores,
        .second_core_bytes = plan->second_bytes,
    };
}

void close_network(void) {
    end_session();
    engine_close(engine_instance());
    session.open_request_id = 0;
    session.stage = STAGE_SCORED;
}

/* Biases are due only where a layer has some. */
static upload_stage after_scored(void) {
    return engine_tensor_bytes(engine_instance(), ENGINE_BIASES) > 0 ? STAGE_BIASES : STAGE_WEIGHTS;
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
    const engine_arena arena = {.base = session.identity.arena, .bytes = session.identity.arena_bytes};
    const uint32_t limit = request->memory_limit_bytes;
    const engine_limits limits = {
        .arena_bytes = limit != 0 && limit < arena.bytes ? limit : arena.bytes,
        .flash = {.context = session.platform.context,
                  .bytes = session.platform.program_weights != NULL ? session.identity.weights_flash_bytes : 0,
                  .program = session.platform.program_weights},
    };
    engine_fault fault = {"", 0, 0};
    engine_status status;
    memset(&session.plan, 0, sizeof session.plan);
    session.planned_arena_bytes = limits.arena_bytes;
    if (!network_begin(engine_instance(), request, &session.request_blob, &arena, &status, &fault)) {
        close_network();
        reply_failure(priot_FailureCode_FAILURE_CODE_MALFORMED, "a field out of its range");
        return;
    }
    if (status == ENGINE_OK) {
        status = timed_open(&session.plan, &limits, &fault);
    }
    if (status != ENGINE_OK) {
        close_network();
        if (status == ENGINE_OUT_OF_MEMORY && session.plan.required_bytes > 0) {
            reply_memory_plan(false);
        } else {
            reply_engine_failure(status, &fault);
        }
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
    session.stage = request->method == priot_Method_METHOD_PRIOT_S ? STAGE_SCORED : after_scored();
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
    case priot_Tensor_TENSOR_BIASES:
        *stage = STAGE_BIASES;
        return true;
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

static void reply_tensor_failure(engine_status status, const char *text, uint32_t offset) {
    const engine_fault fault = {status == ENGINE_FLASH_FAILED ? "the weights could not be programmed into flash" : text,
                                0, (int32_t)offset};
    reply_engine_failure(status, &fault);
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
    const engine_tensor tensor = (engine_tensor)request->tensor;
    if (!check_chunk(engine_tensor_bytes(engine_instance(), tensor), request->offset, data->length)) {
        return;
    }
    engine_status status = timed_write_tensor(tensor, request->offset, data);
    if (status != ENGINE_OK) {
        reply_tensor_failure(status, "a value out of the tensor's range", request->offset);
        return;
    }
    reply_done();
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
    engine_status status = timed_commit_tensor((engine_tensor)request->tensor);
    if (status != ENGINE_OK) {
        reply_tensor_failure(status, "the tensor does not agree with the network", 0);
        return;
    }
    session.stage = stage == STAGE_SCORED ? after_scored() : (upload_stage)(stage + 1);
    reply_done();
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
    const engine_tensor tensor = (engine_tensor)request->tensor;
    if (!check_chunk(engine_tensor_bytes(engine_instance(), tensor), request->offset, request->length)) {
        return;
    }
    uint8_t *data = reply_tensor_data(request);
    engine_status status = timed_read_tensor(tensor, request->offset, data, request->length);
    if (status != ENGINE_OK) {
        reply_tensor_failure(status, "the tensor cannot be read", request->offset);
    }
}
