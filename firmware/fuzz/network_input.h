/* A network from a fuzzer's bytes: mostly one that fits together, so that it is accepted and trains; now and then with
 * a hostile number somewhere. */
#ifndef PRIOT_FUZZ_NETWORK_INPUT_H
#define PRIOT_FUZZ_NETWORK_INPUT_H

#include "device.h"
#include "input.h"

void input_network(fuzz_input *input, device_network *network);

#endif
