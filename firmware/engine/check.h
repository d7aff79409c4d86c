/* This file declares the checks of a network before anything is planned for it. */
#ifndef PRIOT_ENGINE_CHECK_H
#define PRIOT_ENGINE_CHECK_H

#include "layer.h"

/* Checks what is asked of the network as a whole. */
engine_status engine_check_config(const engine_config *config, engine_fault *fault);

/* Checks layer number self->layer_count, of which only `config` is set, against those below it; fills its shape,
 * operation and constant shifts. */
engine_status engine_check_layer(const engine *self, engine_layer *layer, engine_fault *fault);

/* Checks what concerns all layers together. */
engine_status engine_check_network(const engine *self, engine_fault *fault);

#endif
