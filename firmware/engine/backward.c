/* Backward pass and update (docs/arithmetic.md, "Backward"): layers from last to first; in each first the error with
 * the old learned state, then the update. */
#include "operations/operations.h"
#include "passes.h"

void engine_backward(engine *self) {
    for (uint32_t l = self->layer_count; l-- > 0;) {
        int8_t *below = l == 0 ? NULL : self->layers[l - 1].memory.delta;
        self->layers[l].operation->backward(self, l, below);
    }
}
