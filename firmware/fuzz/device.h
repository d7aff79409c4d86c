/* The device's session on this machine, behind a wire of heap copies: what any place gives it, and checks of what every
 * answer must keep. */
#ifndef PRIOT_FUZZ_DEVICE_H
#define PRIOT_FUZZ_DEVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "priot.pb.h"

#define DEVICE_MAX_LAYERS 34u /* some more than there may be */

typedef struct {
    uint32_t arena_bytes;  /* a heap block of exactly that size */
    uint32_t flash_bytes;  /* for weights; 0: none */
    uint32_t slot_bytes;   /* for a checkpoint; 0: no flash for them */
    bool flash_fails;      /* takes nothing that is programmed */
    uint32_t cycle_stride; /* by which every look at a cycle counter moves it */
} device_options;

void device_boot(const device_options *options);
void device_shut_down(void);

/* Bytes from the wire. Every call of session_receive is checked: one answer to a frame, step numbers that go on by one,
 * a refused step that changed nothing. */
void device_receive(const uint8_t *bytes, size_t length);
/* Receives a good frame around a payload. */
void device_receive_payload(const uint8_t *payload, size_t length);
/* Sends the wire's bytes of the frame before once more, with `flip` as an XOR of one of them; 0: as they were. */
void device_receive_again(size_t position, uint8_t flip);

/* A network to open: OpenNetwork without its layers, and these. */
typedef struct {
    priot_OpenNetwork open;
    uint32_t layer_count;
    priot_Layer layers[DEVICE_MAX_LAYERS];
} device_network;

/* Opens a network. */
void device_open(uint32_t request_id, const device_network *network);

/* Encodes a request, with `blob` as its image or tensor data, and sends it. */
void device_request(priot_HostMessage *request, const uint8_t *blob, size_t blob_bytes);
/* Returns the last answer, without the data of a TensorData. */
const priot_DeviceMessage *device_reply(void);

/* Returns FNV-1a 32 over the payloads of all step results, evaluations and tensors since boot. */
uint32_t device_digest(void);

/* Returns the multiply-accumulates of the open network's forward pass. Networks beyond a limit are closed again at
 * once: they are legal, and only slow. */
uint64_t device_network_macs(void);

/* Programs bytes into the flash for checkpoints, behind the device's back, and makes it start anew. */
void device_scribble(uint32_t offset, const uint8_t *bytes, size_t length);

/* Checks that the next good frame is answered, and that a network still trains. */
void device_check_alive(void);

/* Fills bytes: 0: random, all -127..127; 1: 127; 2: -127; 3: 0; `mask` limits them. */
void fill_bytes(uint8_t *bytes, size_t length, uint32_t kind, uint32_t seed, uint8_t mask);

#endif
