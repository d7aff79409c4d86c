/* The WebAssembly module around pretraining.h: an OpenNetwork request, tensors and images in buffers that the host
 * reads and writes. */
#include "pretraining.h"

#include "../engine/one_core.h"
#include "../session/network_codec.h"

#define EXPORT(name) __attribute__((export_name(name)))
#define MEMORY_BYTES (192u << 20)
#define MAX_BATCH 1024u
#define MAX_REQUEST_BYTES 8192u

static _Alignas(16) uint8_t memory[MEMORY_BYTES];
static uint8_t request_bytes[MAX_REQUEST_BYTES];
static uint8_t labels[MAX_BATCH];
static uint8_t tensor[ENGINE_MAX_EDGES];
static pretraining_layer_statistics statistics[ENGINE_MAX_LAYERS];
static engine_fault fault;
static bool any_loss;

uint32_t engine_cycles(void) {
    return 0;
}

/* A HostMessage with the OpenNetwork of the network. */
EXPORT("request") uint8_t *request_buffer(void) {
    return request_bytes;
}
EXPORT("requestBytes") uint32_t request_capacity(void) {
    return MAX_REQUEST_BYTES;
}
EXPORT("images") uint8_t *images_buffer(void) {
    return pretraining_images();
}
EXPORT("labels") uint8_t *labels_buffer(void) {
    return labels;
}
/* The bytes of a tensor (engine.h). */
EXPORT("tensor") uint8_t *tensor_buffer(void) {
    return tensor;
}
/* Six words per layer: activation shift, error shift, b(G), b(G * W), b(d), b(eacc). */
EXPORT("statistics") pretraining_layer_statistics *statistics_buffer(void) {
    return statistics;
}
EXPORT("anyLoss") bool had_loss(void) {
    return any_loss;
}
EXPORT("faultText") const char *fault_text(void) {
    return fault.text;
}
EXPORT("faultLayer") uint32_t fault_layer(void) {
    return fault.layer;
}

/* Opens the network in the request buffer. Returns an engine_status. */
EXPORT("open") uint32_t open_network(uint32_t request_length, uint32_t batch_size) {
    static priot_HostMessage message;
    const engine_arena arena = {.base = memory, .bytes = MEMORY_BYTES};
    byte_span body = {NULL, 0};
    engine_status status = ENGINE_OK;
    fault =
        (engine_fault){.text = "no OpenNetwork of niti-dynamic, or a batch outside 1..1024", .layer = 0, .value = 0};
    if (batch_size == 0 || batch_size > MAX_BATCH || request_length > MAX_REQUEST_BYTES ||
        !message_decode(request_bytes, request_length, &message, &body) ||
        message.which_body != priot_HostMessage_open_network_tag ||
        message.body.open_network.method != priot_Method_METHOD_NITI_DYNAMIC ||
        !network_begin(engine_instance(), &message.body.open_network, &body, &arena, &status, &fault)) {
        return ENGINE_OUT_OF_RANGE;
    }
    return status == ENGINE_OK ? pretraining_open(batch_size, &fault) : status;
}

/* Takes the biases, if the network has any, from the tensor buffer. Returns an engine_status. */
EXPORT("writeBiases") uint32_t write_biases(void) {
    engine *self = engine_instance();
    return engine_write_tensor(self, ENGINE_BIASES, 0, tensor, engine_tensor_bytes(self, ENGINE_BIASES));
}

/* Takes the weights from the tensor buffer. Returns an engine_status. */
EXPORT("writeWeights") uint32_t write_weights(void) {
    engine *self = engine_instance();
    return engine_write_tensor(self, ENGINE_STATE, 0, tensor, engine_edge_count(self));
}

EXPORT("readWeights") uint32_t read_weights(void) {
    engine *self = engine_instance();
    return engine_read_tensor(self, ENGINE_STATE, 0, tensor, engine_edge_count(self));
}

/* Runs one batch of the image and label buffers; returns correct predictions. */
EXPORT("runBatch") uint32_t run_batch(uint32_t count, bool update, uint32_t mu, uint32_t sparsity) {
    return pretraining_batch(labels, count, update, mu, sparsity, statistics, &any_loss);
}
