/* The memory plan: where every array of an open network lies, and what it costs. */
#ifndef PRIOT_ENGINE_PLAN_H
#define PRIOT_ENGINE_PLAN_H

#include "engine_internal.h"

/* Chooses the fastest plan that fits `limits` for the checked network in `self` and fills self->plan. With an arena,
 * also sets every pointer. ENGINE_OUT_OF_MEMORY: self->plan is the smallest plan, no pointer is set. */
engine_status engine_plan_memory(engine *self, const engine_limits *limits, void *arena);

#endif
