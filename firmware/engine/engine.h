/* This is the training engine: one integer training step of a small network, exactly as shared by every place it
 * runs in (docs/arithmetic.md). Portable C11: no I/O, no allocation, no floating point; the caller hands in the
 * memory.
 *
 * A life: engine_begin -> engine_add_layer for each layer -> engine_open -> write tensors (scored, biases, weights,
 * state; each committed) -> steps and evaluations. The engine trusts its caller for this order and for image bytes in
 * 0..127; the session checks both. */
#ifndef PRIOT_ENGINE_H
#define PRIOT_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Limits that every place has. */
#define ENGINE_MAX_LAYERS 32u
#define ENGINE_MAX_OUTPUTS 64u   /* classes: features of the last layer */
#define ENGINE_MAX_WINDOW 65535u /* kernel, stride and padding of a convolution, in each direction */
#define ENGINE_NO_SCORE 127      /* what the learned state of an edge without a score reads as */
#define ENGINE_BIAS_LIMIT 32767  /* a bias is in -32767..32767 */

/* Limits that are a property of the place: what its memory can hold, and what the types of indices there must reach. A
 * place with less says so when it is built. */
#ifndef ENGINE_MAX_EDGES
#define ENGINE_MAX_EDGES (1u << 24) /* of a network */
#endif
#ifndef ENGINE_MAX_MAP_ELEMENTS
#define ENGINE_MAX_MAP_ELEMENTS (1u << 20) /* of a layer's input, and of its output before the pool */
#endif
#ifndef ENGINE_MAX_SCORED_EDGES
#define ENGINE_MAX_SCORED_EDGES ENGINE_MAX_EDGES /* priot-s: of a layer */
#endif

typedef enum { ENGINE_CONV2D = 0, ENGINE_LINEAR = 1, ENGINE_SUM_POOL = 2, ENGINE_OPERATION_COUNT } engine_operation_id;
typedef enum { ENGINE_BELOW_ZERO = 0, ENGINE_BELOW_NEGATE = 1 } engine_below_threshold;
typedef enum {
    ENGINE_PRIOT = 0,
    ENGINE_PRIOT_S = 1,
    ENGINE_NITI_STATIC = 2,
    ENGINE_NITI_DYNAMIC = 3,
    ENGINE_METHOD_COUNT
} engine_method;
typedef enum { ENGINE_KERNELS_FASTEST = 0, ENGINE_KERNELS_PLAIN = 1, ENGINE_KERNELS_DENSE = 2 } engine_kernels;
/* Numbers of the .proto's Tensor. */
typedef enum { ENGINE_WEIGHTS = 0, ENGINE_SCORED = 1, ENGINE_STATE = 2, ENGINE_BIASES = 4 } engine_tensor;

typedef enum {
    ENGINE_OK = 0,
    ENGINE_UNSUPPORTED,   /* a method that is not built in */
    ENGINE_BAD_NETWORK,   /* shape, shift or exponent; see engine_fault */
    ENGINE_OVERFLOW,      /* a worst-case int32 accumulator could overflow; see engine_fault */
    ENGINE_OUT_OF_MEMORY, /* the smallest plan needs more than the limit */
    ENGINE_OUT_OF_RANGE,  /* offset, length or value of a tensor */
    ENGINE_WRONG_ORDER,
    ENGINE_FLASH_FAILED /* weights could not be programmed */
} engine_status;

/* Where the cycles of a step go, in each layer. */
typedef enum {
    ENGINE_PHASE_FORWARD = 0, /* accumulators; all of a layer whose kernel does the next phase with them */
    ENGINE_PHASE_REQUANTISE,  /* pool, ReLU, requantisation of the outputs */
    ENGINE_PHASE_LOSS,        /* booked to the last layer */
    ENGINE_PHASE_ERROR,       /* the delta of the layer below */
    ENGINE_PHASE_UPDATE,      /* gradient and update */
    ENGINE_PHASE_COUNT
} engine_phase;

/* Why a network was refused. `text` is a constant string. */
typedef struct {
    const char *text;
    uint32_t layer; /* 1-based; 0: no layer is to blame */
    int32_t value;  /* the offending value, where there is one */
} engine_fault;

/* What is asked of a layer. Numbers that an operation does not have are not looked at. */
typedef struct {
    engine_operation_id operation;
    uint32_t in_height, in_width, in_channels;                     /* linear: 1, 1, in_features */
    uint32_t out_channels;                                         /* linear: out_features; sum_pool: in_channels */
    uint32_t kernel, kernel_columns;                               /* conv2d: rows, columns */
    uint32_t stride, stride_columns;                               /* conv2d: rows, columns */
    uint32_t padding, padding_left, padding_bottom, padding_right; /* conv2d: top, left, bottom, right */
    bool depthwise; /* conv2d: output channel c sees input channel c alone */
    bool pool;      /* conv2d: 2x2 maximum, stride 2 */
    bool relu;      /* conv2d, linear */
    int32_t weight_exponent;
    bool bias; /* conv2d, linear: one per output channel */
    int32_t bias_exponent;
    engine_below_threshold below_threshold;
    uint32_t activation_shift, error_shift, update_shift; /* 0..30 */
    uint32_t scored_edges;                                /* priot-s */
} engine_layer_config;

/* What is asked of a network, apart from its layers. */
typedef struct {
    engine_method method;
    engine_kernels kernels;
    int32_t threshold;
    uint32_t mu; /* niti-dynamic */
    int32_t input_exponent;
    uint32_t loss_shift;
    uint32_t cores; /* 2: the second core helps where its memory fits beside the plan for one; else one core */
} engine_config;

#define ENGINE_FLASH_SECTOR_BYTES 4096u

/* Flash for frozen weights. */
typedef struct {
    void *context;
    uint32_t bytes; /* 0: weights cannot go to flash */
    /* Programs weights, from a whole sector of that flash on, and leaves what holds them already alone; returns where
     * they can be read, 4-byte aligned, or NULL on failure. */
    const int8_t *(*program)(void *context, uint32_t offset, const int8_t *weights, uint32_t length);
} engine_flash;

/* What there is to plan with. */
typedef struct {
    uint32_t arena_bytes; /* of the arena, or less */
    engine_flash flash;
} engine_limits;

/* The caller's memory for one network: 8-byte aligned. */
typedef struct {
    void *base;
    uint32_t bytes;
} engine_arena;

/* Bytes of each purpose, and the choices made. All of the arena fields add up to `required_bytes`. Cycles are those of
 * an active step, by estimate: they rank plans, reads from flash included. `fastest_`: of the fastest plan of all,
 * whether it fits or not. */
typedef struct {
    bool weights_in_flash;
    bool effective_weights_kept;
    bool fast_kernels; /* the kernels have the memory they ask for; else the plain ones stand in */
    uint32_t required_bytes;
    uint32_t weights_bytes, state_bytes, activation_bytes, error_bytes, other_bytes;
    uint32_t flash_bytes;
    uint32_t cores;        /* 1, 2 */
    uint32_t second_bytes; /* of `other_bytes`: what the second core needs */
    uint32_t estimated_cycles, fastest_cycles, fastest_bytes;
} engine_memory_plan;

typedef struct {
    uint32_t input, delta, state; /* FNV-1a 32, arithmetic.md "Conformance cases" */
} engine_layer_checksums;

typedef struct {
    uint32_t prediction;
    bool loss_zero;
    uint32_t forward_cycles; /* whole forward pass and loss, by engine_cycles(); 0 without a counter */
    uint32_t cycles;         /* the whole step */
    uint32_t waiting_cycles; /* of them, the first core's for the second: booked to no phase; 0 with one core */
} engine_step_result;

/* The engine is opaque to callers; layer.h defines it. */
typedef struct engine engine;

/* Returns the one engine of this program (a device trains one network at a time). */
engine *engine_instance(void);

/* Closes what was open and begins another network. The arena stays the engine's until engine_close. */
engine_status engine_begin(engine *self, const engine_config *config, const engine_arena *arena, engine_fault *fault);

/* Adds the next layer, first to last, and checks it. ENGINE_OUT_OF_MEMORY: the arena does not even hold what is asked
 * of the layers. After a status other than ENGINE_OK only engine_begin and engine_close may follow. */
engine_status engine_add_layer(engine *self, const engine_layer_config *layer, engine_fault *fault);

/* Checks the network as a whole, plans its memory within `limits` and lays it out in the arena. Weights and biases are
 * zero, every edge is scored, the state is undefined until written. ENGINE_OUT_OF_MEMORY: `plan` is the smallest one.
 */
engine_status engine_open(engine *self, const engine_limits *limits, engine_memory_plan *plan, engine_fault *fault);
void engine_close(engine *self);
bool engine_is_open(const engine *self);

/* These return sizes of the open network. */
uint32_t engine_edge_count(const engine *self);
uint32_t engine_image_bytes(const engine *self);
uint32_t engine_output_count(const engine *self);
uint32_t engine_layer_count(const engine *self);
/* Returns the bytes of a tensor: one an edge, two a bias; of the state one a scored edge, where only some have one. */
uint32_t engine_tensor_bytes(const engine *self, engine_tensor tensor);

/* Writes bytes offset..offset + length - 1 of a tensor: of all layers one after another, weights, flags and states in
 * canonical edge order, biases as int16, little-endian, whole ones. Weights and states must be in -127..127, biases in
 * -32767..32767, scored flags 0 or 1: else ENGINE_OUT_OF_RANGE and nothing is written. Weights planned for flash are
 * programmed when those of another layer come, or are committed: write them layer by layer. Those of a layer that is
 * programmed are what they are; writing them again changes nothing. */
engine_status engine_write_tensor(engine *self, engine_tensor tensor, uint32_t offset, const uint8_t *data,
                                  uint32_t length);

/* Says that a tensor is complete. */
engine_status engine_commit_tensor(engine *self, engine_tensor tensor);

/* Reads bytes of a tensor, as engine_write_tensor has them. */
engine_status engine_read_tensor(engine *self, engine_tensor tensor, uint32_t offset, uint8_t *data, uint32_t length);

/* Makes one training step on image[engine_image_bytes] (0..127, HWC) with label < engine_output_count. */
void engine_step(engine *self, const uint8_t *image, uint32_t label, engine_step_result *result);

/* Runs the forward pass only; the learned state is not touched. `frozen`: all edges kept, no scores. Returns the
 * prediction. */
uint32_t engine_evaluate(engine *self, const uint8_t *image, bool frozen, uint32_t *cycles);

/* Returns the last layer's int32 accumulators[engine_output_count] of the forward pass made last. */
const int32_t *engine_logits(const engine *self);

/* Tells about the step just made. logits and loss_gradient: engine_output_count elements. */
void engine_step_detail(const engine *self, int32_t *logits, int8_t *loss_gradient);
/* Returns the checksums of one layer after the step just made. */
engine_layer_checksums engine_layer_checksum(const engine *self, uint32_t layer);

/* Returns the cycles of the step or evaluation just made, of one layer by phase. They add up to its cycles, but
 * for those waiting for a second core. */
const uint32_t *engine_ledger(const engine *self, uint32_t layer);

/* Provided by the platform: a free-running cycle counter without the cycles spent in interrupts; 0 where there is none.
 */
uint32_t engine_cycles(void);

/* Provided by the platform: the second core. A platform that has none does its work at once, in engine_second_core_do.
 */

/* Starts it, with stack[bytes], 8-byte aligned, as its stack; it sleeps until there is work. */
void engine_second_core_start(void *stack, uint32_t bytes);
/* Stops it. Nothing of its stack is used any more. */
void engine_second_core_stop(void);
/* Has it do work(context), while this core goes on. */
void engine_second_core_do(void (*work)(void *context), void *context);
/* Returns when its work is done, and all that it has stored can be seen. */
void engine_second_core_wait(void);
/* Returns how many of `items`, from the first, are not for the second core: 0 where it is one; any number elsewhere, so
 * that every way to divide them comes about. */
uint32_t engine_second_core_floor(uint32_t items);

#ifdef __arm__
#define ENGINE_CORES_BARRIER() __asm volatile("dmb" ::: "memory")
#else
#define ENGINE_CORES_BARRIER() (void)0
#endif

#endif
