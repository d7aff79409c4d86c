/* The WebAssembly module around pretraining.h: words and bytes in buffers that the host reads and writes. */
#include "pretraining.h"

#include "../engine/engine_internal.h"

#define EXPORT(name) __attribute__((export_name(name)))
#define MEMORY_BYTES (192u << 20)
#define MAX_BATCH 1024u
#define NETWORK_WORDS 3u
#define LAYER_WORDS 11u

static _Alignas(16) uint8_t memory[MEMORY_BYTES];
static int32_t config_words[NETWORK_WORDS + ENGINE_MAX_LAYERS * LAYER_WORDS];
static uint8_t labels[MAX_BATCH];
static uint8_t tensor[ENGINE_MAX_EDGES];
static pretraining_layer_statistics statistics[ENGINE_MAX_LAYERS];
static engine_fault fault;
static bool any_loss;

uint32_t engine_cycles(void) {
    return 0;
}

/* input exponent, loss shift, layers; then per layer: operation, in height, in width, in channels, out channels,
 * kernel, stride, padding, pool, relu, weight exponent. */
EXPORT("config") int32_t *config_buffer(void) {
    return config_words;
}
EXPORT("images") uint8_t *images_buffer(void) {
    return pretraining_images();
}
EXPORT("labels") uint8_t *labels_buffer(void) {
    return labels;
}
/* int8 weights, canonical order. */
EXPORT("tensor") uint8_t *tensor_buffer(void) {
    return tensor;
}
/* Four words per layer: activation shift, error shift, b(G), b(G * W). */
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

/* An engine_status. */
EXPORT("open") uint32_t open_network(uint32_t batch_size) {
    const int32_t *word = config_words;
    engine_config config = {.method = ENGINE_NITI_DYNAMIC};
    config.input_exponent = *word++;
    config.loss_shift = (uint32_t)*word++;
    config.layer_count = (uint32_t)*word++;
    if (config.layer_count > ENGINE_MAX_LAYERS || batch_size == 0 || batch_size > MAX_BATCH) {
        fault = (engine_fault){.text = "too many layers, or a batch outside 1..1024", .layer = 0, .value = 0};
        return ENGINE_OUT_OF_RANGE;
    }
    for (uint32_t l = 0; l < config.layer_count; l++) {
        engine_layer_config *layer = &config.layers[l];
        layer->operation = *word++ == 0 ? ENGINE_CONV2D : ENGINE_LINEAR;
        layer->in_height = (uint32_t)*word++;
        layer->in_width = (uint32_t)*word++;
        layer->in_channels = (uint32_t)*word++;
        layer->out_channels = (uint32_t)*word++;
        layer->kernel = layer->kernel_columns = (uint32_t)*word++;
        layer->stride = layer->stride_columns = (uint32_t)*word++;
        layer->padding = layer->padding_left = layer->padding_bottom = layer->padding_right = (uint32_t)*word++;
        layer->pool = *word++ != 0;
        layer->relu = *word++ != 0;
        layer->weight_exponent = *word++;
    }
    return pretraining_open(&config, batch_size, memory, MEMORY_BYTES, &fault);
}

/* Takes the weights from the tensor buffer. An engine_status. */
EXPORT("writeWeights") uint32_t write_weights(void) {
    engine *self = engine_instance();
    return engine_write_tensor(self, ENGINE_STATE, 0, tensor, engine_edge_count(self));
}

EXPORT("readWeights") uint32_t read_weights(void) {
    engine *self = engine_instance();
    return engine_read_tensor(self, ENGINE_STATE, 0, tensor, engine_edge_count(self));
}

/* One batch of the image and label buffers; correct predictions. */
EXPORT("runBatch") uint32_t run_batch(uint32_t count, bool update, uint32_t mu, uint32_t sparsity) {
    return pretraining_batch(labels, count, update, mu, sparsity, statistics, &any_loss);
}
