/* Networks, as far as they are accepted, trained on extreme tensors and images: nothing overflows, nothing leaves its
 * array, and the plan a device chooses (kernels, weights in flash or SRAM, effective weights kept or masked on the fly)
 * never changes a result. */
#include "check.h"
#include "device.h"
#include "input.h"
#include "network_input.h"

#include "../engine/layer.h"
#include "../session/session_internal.h"

#define STEPS 6u
#define OPPOSED 3u /* in place of fill_bytes's zeros */
#define LARGE_ARENA_BYTES (512u << 10)

typedef struct {
    device_network network;
    uint32_t weights, state, scored; /* kinds of fill_bytes, seeds */
    uint8_t images[STEPS], labels[STEPS];
} training;

static uint32_t request_id;
static uint8_t blob[SESSION_MAX_IMAGE_BYTES];

static pb_size_t ask(priot_HostMessage request, size_t blob_bytes) {
    request.request_id = ++request_id;
    device_request(&request, blob, blob_bytes);
    return device_reply()->which_body;
}

static uint32_t smaller(uint32_t a, uint32_t b) {
    return a < b ? a : b;
}

/* Sets as many flags of each layer as it says, spread by a step that is odd, so that every edge comes once. */
static void fill_scored(uint8_t *flags, uint32_t first, uint32_t length, uint32_t spread) {
    const engine *opened = engine_instance();
    for (uint32_t i = 0; i < length; i++) {
        uint32_t l = 0;
        while (first + i >= opened->layers[l].shape.first_edge + opened->layers[l].shape.edges) {
            l++;
        }
        const engine_layer *layer = &opened->layers[l];
        const uint32_t edge = first + i - layer->shape.first_edge, scored = layer->config.scored_edges;
        flags[i] = spread & 1u ? edge < scored : edge >= layer->shape.edges - scored;
    }
}

static void put(priot_Tensor tensor, uint32_t kind) {
    const uint32_t edges = engine_tensor_bytes(engine_instance(), (engine_tensor)tensor);
    for (uint32_t offset = 0; offset < edges; offset += SESSION_MAX_CHUNK_BYTES) {
        const uint32_t length = smaller(edges - offset, SESSION_MAX_CHUNK_BYTES);
        if (tensor == priot_Tensor_TENSOR_SCORED) {
            fill_scored(blob, offset, length, kind);
        } else {
            fill_bytes(blob, length, kind, offset + kind, 0xff);
            /* 127, then -127: errors of two outputs add up, and gradients reach the bounds that the planner proves */
            for (uint32_t i = 0; kind == OPPOSED && i < length; i++) {
                blob[i] = offset + i < edges / 2 ? 127 : (uint8_t)-127;
            }
        }
        priot_HostMessage write = {.which_body = priot_HostMessage_write_tensor_tag};
        write.body.write_tensor.tensor = tensor;
        write.body.write_tensor.offset = offset;
        CHECK(ask(write, length) == priot_DeviceMessage_done_tag);
    }
    priot_HostMessage commit = {.which_body = priot_HostMessage_commit_tensor_tag};
    commit.body.commit_tensor.tensor = tensor;
    CHECK(ask(commit, 0) == priot_DeviceMessage_done_tag);
}

static void get(priot_Tensor tensor) {
    const uint32_t edges = engine_tensor_bytes(engine_instance(), (engine_tensor)tensor);
    for (uint32_t offset = 0; offset < edges; offset += SESSION_MAX_CHUNK_BYTES) {
        priot_HostMessage read = {.which_body = priot_HostMessage_read_tensor_tag};
        read.body.read_tensor.tensor = tensor;
        read.body.read_tensor.offset = offset;
        read.body.read_tensor.length = smaller(edges - offset, SESSION_MAX_CHUNK_BYTES);
        CHECK(ask(read, 0) == priot_DeviceMessage_tensor_data_tag);
    }
}

static void evaluate(bool frozen) {
    priot_HostMessage request = {.which_body = priot_HostMessage_evaluate_tag};
    request.body.evaluate.frozen = frozen;
    CHECK(ask(request, engine_image_bytes(engine_instance())) == priot_DeviceMessage_evaluation_tag);
}

static void train(const training *how) {
    const uint32_t image_bytes = engine_image_bytes(engine_instance());
    for (uint32_t i = 0; i < STEPS; i++) {
        fill_bytes(blob, image_bytes, how->images[i] % 4u, i + how->images[i], 0x7f);
        priot_HostMessage step = {.which_body = priot_HostMessage_step_tag};
        step.body.step.boot_id = session.identity.boot_id;
        step.body.step.step = i;
        step.body.step.label = how->labels[i] % engine_output_count(engine_instance());
        step.body.step.detail = true;
        CHECK(ask(step, image_bytes) == priot_DeviceMessage_step_result_tag);
        if (how->labels[i] >= 192) {
            evaluate(how->labels[i] & 1u);
        }
    }
}

/* The whole life of a network; false: it was refused, or is too slow to fuzz. */
static bool live(const training *how, const device_options *options, uint32_t *digest, priot_MemoryPlan *plan) {
    request_id = 0;
    device_boot(options);
    device_open(++request_id, &how->network);
    if (device_reply()->which_body == priot_DeviceMessage_memory_plan_tag) {
        *plan = device_reply()->body.memory_plan;
    }
    const bool opened = engine_is_open(engine_instance());
    if (opened) {
        if (engine_instance()->method == engine_methods[ENGINE_PRIOT_S]) {
            put(priot_Tensor_TENSOR_SCORED, how->scored);
        }
        if (engine_tensor_bytes(engine_instance(), (engine_tensor)priot_Tensor_TENSOR_BIASES) > 0) {
            put(priot_Tensor_TENSOR_BIASES, how->weights);
        }
        put(priot_Tensor_TENSOR_WEIGHTS, how->weights);
        put(priot_Tensor_TENSOR_STATE, how->state);
        CHECK(ask((priot_HostMessage){.which_body = priot_HostMessage_start_session_tag}, 0) ==
              priot_DeviceMessage_done_tag);
        train(how);
        get(priot_Tensor_TENSOR_SCORED);
        get(priot_Tensor_TENSOR_WEIGHTS);
        get(priot_Tensor_TENSOR_STATE);
    }
    *digest = device_digest();
    device_check_alive();
    device_shut_down();
    return opened;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    fuzz_input input = {data, data + size};
    training how;
    const uint32_t kinds = input_byte(&input);
    how.weights = kinds % 4;
    how.state = kinds / 4 % 4;
    how.scored = kinds / 16;
    for (uint32_t i = 0; i < STEPS; i++) {
        how.images[i] = input_byte(&input);
        how.labels[i] = input_byte(&input);
    }
    input_network(&input, &how.network);

    device_options options = {.arena_bytes = LARGE_ARENA_BYTES};
    priot_MemoryPlan plan = {.fits = false}, smallest = {.fits = false};
    uint32_t digest, other;
    if (!live(&how, &options, &digest, &plan)) {
        return 0;
    }
    how.network.open.kernels = (priot_Kernels)((how.network.open.kernels + 1) % 3);
    CHECK(live(&how, &options, &other, &plan) && other == digest);

    options.flash_bytes = LARGE_ARENA_BYTES;
    how.network.open.memory_limit_bytes = 1; /* asks what the smallest plan needs */
    CHECK(!live(&how, &options, &other, &smallest) && smallest.required_bytes <= plan.required_bytes);
    how.network.open.memory_limit_bytes = 0;
    options.arena_bytes = smallest.required_bytes;
    if (options.arena_bytes < 4096) {
        return 0; /* device_check_alive wants some more */
    }
    CHECK(live(&how, &options, &other, &smallest) && other == digest);
    return 0;
}
