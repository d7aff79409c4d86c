/* This file decodes the network of an OpenNetwork message, for the engine: the one place on this side that knows
 * both. */
#ifndef PRIOT_NETWORK_CODEC_H
#define PRIOT_NETWORK_CODEC_H

#include "../engine/engine.h"
#include "messages.h"

/* Begins the network that a request asks for (engine_begin) and adds its layers, which are read from the request's
 * `body`. False: a field is out of its range; `status` says nothing then. */
bool network_begin(engine *self, const priot_OpenNetwork *request, const byte_span *body, const engine_arena *arena,
                   engine_status *status, engine_fault *fault);

#endif
