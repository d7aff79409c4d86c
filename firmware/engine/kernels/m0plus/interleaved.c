/* What becomes of the accumulators of up to four windows, acc[channel][window]. */
#include "../../arithmetic.h"
#include "layer_memory.h"

void PRIOT_HOT m0plus_spread(const int32_t *acc, uint32_t outputs, uint32_t count, int32_t *row, uint32_t pitch) {
    for (uint32_t o = 0; o < outputs; o++, acc += M0PLUS_WINDOWS) {
        for (uint32_t window = 0; window < count; window++) {
            row[window * pitch + o] = acc[window];
        }
    }
}

void PRIOT_HOT m0plus_pool_group(const int32_t *acc, uint32_t outputs, uint32_t shift, int8_t *out,
                                 uint8_t *positions) {
    const int32_t half = shift == 0 ? 0 : (int32_t)(1u << (shift - 1));
    for (const int8_t *end = out + outputs; out < end; out++, positions++, acc += M0PLUS_WINDOWS) {
        int32_t best = acc[0];
        uint8_t position = 0;
        if (acc[1] > best) {
            best = acc[1];
            position = 1;
        }
        if (acc[2] > best) {
            best = acc[2];
            position = 2;
        }
        if (acc[3] > best) {
            best = acc[3];
            position = 3;
        }
        if (best > 0) {
            best = (best + half) >> shift;
            *out = (int8_t)(best > INT8_LIMIT ? INT8_LIMIT : best);
            *positions = position;
        }
    }
}
