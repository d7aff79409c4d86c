/* Where every array of an open network lies in the arena. */
#ifndef PRIOT_ENGINE_LAYOUT_H
#define PRIOT_ENGINE_LAYOUT_H

#include "engine_internal.h"

/* Lays the network out as the choices in self->plan and in its layers say, and adds up self->plan's bytes. With an
 * arena, also clears it and sets every pointer; `arena` NULL: only counts. */
void engine_lay_out(engine *self, void *arena);

#endif
