/* Loss gradient (docs/arithmetic.md, "Loss gradient": NITI's integer cross-entropy, deterministic rounding). */
#include "arithmetic.h"
#include "passes.h"

#define LOG2_E_NUMERATOR 47274 /* log2(e) * 32768 */
#define LOG2_E_DENOMINATOR 32768
#define EXPONENT_MIN (-6)
#define EXPONENT_MAX 15
#define SOFTMAX_BITS 10
#define GRADIENT_ONE 2048

/* Returns E, the exponent of the logits z, clamped. */
static int32_t logit_exponent(const engine *self) {
    int32_t exponent = self->config.input_exponent;
    for (uint32_t l = 0; l < self->layer_count; l++) {
        exponent += self->layers[l].config.weight_exponent + (int32_t)self->layers[l].step.activation_shift;
    }
    return clamp_between(exponent, EXPONENT_MIN, EXPONENT_MAX);
}

bool engine_loss_gradient(engine *self, uint32_t label) {
    const engine_layer *last = engine_last_layer(self);
    const uint32_t outputs = last->config.out_channels;
    const int32_t exponent = logit_exponent(self);
    int32_t gradient[ENGINE_MAX_OUTPUTS];
    int32_t maximum = INT32_MIN;
    for (uint32_t o = 0; o < outputs; o++) {
        const int32_t z = clamp_int8(round_shift(self->logits[o], last->step.activation_shift));
        const int32_t scaled = z * LOG2_E_NUMERATOR / LOG2_E_DENOMINATOR;
        gradient[o] = exponent >= 0 ? scaled * (1 << exponent) : scaled / (1 << -exponent);
        maximum = gradient[o] > maximum ? gradient[o] : maximum;
    }
    int32_t sum = 0;
    for (uint32_t o = 0; o < outputs; o++) {
        const int32_t power = gradient[o] - maximum + SOFTMAX_BITS;
        gradient[o] = power > 0 ? (1 << power) - 1 : 0;
        sum += gradient[o];
    }
    int32_t total = 0;
    for (uint32_t o = 0; o < outputs; o++) {
        gradient[o] = gradient[o] * GRADIENT_ONE / sum;
        total += gradient[o];
    }
    gradient[label] -= total;
    bool any = false;
    for (uint32_t o = 0; o < outputs; o++) {
        last->memory.delta[o] = clamp_int8(round_shift(gradient[o], self->config.loss_shift));
        any = any || last->memory.delta[o] != 0;
    }
    return any;
}
