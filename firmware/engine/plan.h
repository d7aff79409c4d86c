/* This file makes the memory plan: what is kept, in SRAM or flash, for speed or for space. */
#ifndef PRIOT_ENGINE_PLAN_H
#define PRIOT_ENGINE_PLAN_H

#include "layer.h"

/* Chooses the fastest plan that fits `limits` for the checked network in `self`, or a smaller one that is hardly
 * slower, fills self->plan and sets every pointer. ENGINE_OUT_OF_MEMORY: self->plan is the smallest plan, and no
 * pointer is of use. */
engine_status engine_plan_memory(engine *self, const engine_limits *limits);

#endif
