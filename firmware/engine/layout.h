/* This file says where every array of an open network lies in the arena. */
#ifndef PRIOT_ENGINE_LAYOUT_H
#define PRIOT_ENGINE_LAYOUT_H

#include "layer.h"

/* Lays the network out as the choices in self->plan and in its layers say, and adds up self->plan's bytes. `place`:
 * also clears the arena, behind the layers themselves, and sets every pointer; else it only counts. */
void engine_lay_out(engine *self, bool place);

/* Returns the bytes of flash that a layer's weights take there: whole sectors. */
uint32_t engine_flash_bytes(const engine_layer *layer);

/* Lets all of an arena be written again, where an earlier network left fences. */
void engine_clear_fences(const engine_arena *arena);

#endif
