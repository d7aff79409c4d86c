/* This file declares the host-side training of a whole network with the engine's kernels: minibatches for `priot
 * pretrain`, and the statistics that `priot calibrate` chooses static shifts from. Not part of the firmware: it
 * holds a batch of every tensor. */
#ifndef PRIOT_PRETRAINING_H
#define PRIOT_PRETRAINING_H

#include "../engine/engine.h"

/* What a batch's tensors asked for, per layer (docs/arithmetic.md, "Calibration"). */
typedef struct {
    uint32_t activation_shift;
    uint32_t error_shift;            /* 0 in the first layer, and in a batch without loss */
    uint32_t gradient_bits;          /* b(G) */
    uint32_t weighted_gradient_bits; /* b(G * W) */
    uint32_t delta_bits;             /* b(d); 0 in a batch without loss */
    uint32_t error_bits;             /* b(eacc); 0 in the first layer, and without loss */
} pretraining_layer_statistics;

/* Opens the network whose layers the engine instance has, niti-dynamic, for batches of up to `batch_size` images; the
 * engine's state holds the weights. The batch takes what the network leaves of its arena. ENGINE_OVERFLOW: a batch's
 * gradients could overflow. */
engine_status pretraining_open(uint32_t batch_size, engine_fault *fault);

/* Returns where the images of a batch go: batch_size * engine_image_bytes, 0..127. */
uint8_t *pretraining_images(void);

/* Runs `count` images as one batch: one shift for each tensor of the whole batch (arXiv 2009.13108). With `update`,
 * trains with steps of `mu` bits; without, only fills `statistics`[layer count]. `sparsity`, in sixteenths of a unit of
 * the deltas, is added to the delta of every positive activation of a convolution: the gradient of a penalty on their
 * sum.
 * Returns correct predictions. `any_loss`: whether any loss gradient was non-zero. */
uint32_t pretraining_batch(const uint8_t *labels, uint32_t count, bool update, uint32_t mu, uint32_t sparsity,
                           pretraining_layer_statistics *statistics, bool *any_loss);

#endif
