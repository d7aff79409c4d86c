/* This file declares the assembly of the Cortex-M0+ kernels. Each routine has a plain C twin in twins.c, for places
 * without that core and for the tests that compare the two. Pointers are words here, since they are added to. */
#ifndef PRIOT_ENGINE_M0PLUS_H
#define PRIOT_ENGINE_M0PLUS_H

#include "../../layer.h"
#include "../sparse.h"

/* Non-zero deltas that lie next to one another in their list: those of one kernel row. */
typedef struct {
    const sparse_element *begin; /* NULL: there are no more */
    const void *end;
    int32_t tap; /* of map element 0, were it in this kernel row: often negative */
} m0plus_segment;

#define M0PLUS_WINDOWS 4u /* that accumulators interleave */

/* Does what sparse_list_map does, for pixels of `words` words of values each, both > 0, at a word's address. Returns
 * the list's end. sums[pixels + 1]: of the values before each pixel, as bytes, modulo 2^16. */
sparse_element *m0plus_list_words(const int8_t *map, uint32_t pixels, uint32_t words, sparse_element *list,
                                  uint16_t *starts, uint16_t *sums);

/* Makes outputs and positions of eight channels from the accumulators of a pool's four windows, acc[channel][window],
 * and their biases[channel]. Outputs must be 0 before. One that is not positive stays so, and nobody reads its
 * position.
 */
void m0plus_pool8(const int32_t *acc, int8_t *out, uint8_t *positions, uint32_t shift, const int32_t *biases);

/* Where up to four windows of a map of one channel lie. */
typedef struct {
    uint32_t count;
    uint32_t pitch;  /* pixels of a row of the map */
    uint32_t kernel; /* at most M0PLUS_MAX_COLUMNS */
    uint32_t offsets[4];
} m0plus_pixel_windows;

#define M0PLUS_MAX_COLUMNS 5u

/* Accumulators of windows inside a map of one channel, of pixels 0..127, for eight output channels:
 * acc[channel][window]. first: the pixel that offsets count from. weights[tap][8]. */
void m0plus_pixels8(const m0plus_pixel_windows *windows, const uint8_t *first, int32_t *acc, const int32_t *weights);

/* A row of pools of 3x3 windows, one pixel apart, over a map of one channel, of pixels 0..127. */
typedef struct {
    const uint8_t *first; /* pixel of the first window. The words that hold a pool's four pixels of a row are read, and
                             the word after its first pixel's */
    uint32_t pitch;       /* bytes of a row of the map, a multiple of 4 */
    int8_t *out, *out_end;
    uint8_t *positions;
    uint32_t outputs; /* bytes from a pool's output to the next one's */
    uint32_t shift;
    const int32_t *biases; /* of the eight channels; m0plus_pool_rows8_lanes has them otherwise */
} m0plus_pool_row;

/* Outputs and positions, as m0plus_pool8 has them, of eight channels of a row of pools, at least one. weights[tap][8].
 * A pool of zeros is left out.
 */
void m0plus_pool_row8(const m0plus_pool_row *row, const int32_t *weights);

/* Pools `rows` rows, from the first on, whose outputs follow one another, where 127 times the sum of a channel's
 * positive weights, and of its negative ones, is at most 32767, its bias added to either. weights[tap][4]: words of two
 * channels' weights, w0 + w1 * 65536. starts[4]: of two channels' biases, less 1. A pool of zeros is left out. */
void m0plus_pool_rows8_lanes(const m0plus_pool_row *first, const uint32_t *weights, uint32_t rows,
                             const uint32_t *starts);

/* A kernel row of windows that lie beside one another. */
typedef struct {
    const uint16_t *starts; /* of its map row's elements in the list, by column; NULL ends a window's rows */
    int32_t tap;            /* of map element 0, were this kernel row at the map's left edge: often negative */
} m0plus_window_row;

/* A window: its rows inside the map, and its columns inside it. */
typedef struct {
    const m0plus_window_row *rows;
    uint32_t first, last; /* columns, the last past them, in bytes of `starts` */
    int32_t left;         /* map elements from the map's left edge to the window's; negative in the padding */
} m0plus_window;

/* Accumulators of up to four windows of inputs 0..127, for one group of output channels: acc[channel][window].
 * weights[tap][]: words of two channels' weights, w0 + w1 * 65536. budget: the largest sum of inputs whose products
 * with one channel's weights are sure to fit into 16 bits, at least 127. */
typedef struct {
    const m0plus_window *windows, *windows_end; /* at least one */
    const sparse_element *inputs;
    const uint32_t *weights;
    int32_t *acc;
    int32_t budget;
    uint32_t adds; /* 1: to what the accumulators hold; 0: they hold nothing */
} m0plus_gather;

/* Rows of weights in flash, one after another: of a tap and a block of input channels. */
typedef struct {
    const int8_t *row;                       /* word-aligned */
    uint32_t outputs;                        /* bytes of a row, a multiple of 8 */
    void *to;                                /* the first row's place; word-aligned */
    uint32_t step;                           /* bytes, see below */
    const uint32_t *occupied, *occupied_end; /* of each row; one is left out that has no bit of `tap` */
    uint32_t tap;
} m0plus_flash_rows;

/* Unpacks rows into the words that m0plus_streamed_gather has, of each group of 16 weights; what does not fill a group
 * is left out. Rows are 32 bytes apart, groups `step`. */
void m0plus_unpack_rows(const m0plus_flash_rows *rows);

/* Copies rows to places `step` bytes apart. */
void m0plus_copy_rows(const m0plus_flash_rows *rows);

/* Returns the first place from `first` on, <= 0, where end[place] is below the threshold; 0: there is none. */
int32_t m0plus_find_below(const int8_t *end, int32_t first, int32_t threshold);

/* What m0plus_gather is, for streamed convolutions: adds to acc. weights[tap][8]: of each four channels first the word
 * w0 + w1 * 2^8 + w2 * 2^16 + w3 * 2^24, then w1 + w3 * 2^16: what unpacks fastest. Inputs are listed in windows of at
 * most M0PLUS_MAX_KERNEL rows. Where `costs` bytes behind a start is the sum of the squared inputs before that pixel,
 * in some unit, rounded down, modulo 2^16: any row's is less than 65,535 units. */
typedef struct {
    const m0plus_window *windows, *windows_end; /* at least one */
    const sparse_element *inputs;
    const uint32_t *weights;
    int32_t *acc;
    uint32_t costs;
    uint32_t budget;     /* n rows whose squared inputs are c units together are sure to fit into 16 bits with every
                            channel's weights if n * c is at most this */
    uint32_t sum_budget; /* as m0plus_gather's, of magnitudes: at least 127 */
} m0plus_streamed_gather;

void m0plus_streamed_gather16(const m0plus_streamed_gather *gather);

/* Gathers for 16 and for 8 channels. */
void m0plus_gather16(const m0plus_gather *gather);
void m0plus_gather8(const m0plus_gather *gather);

/* A pool of 16 channels whose accumulators are sure to lie in -32767..32767. */
typedef struct {
    const m0plus_window *windows; /* four */
    const sparse_element *inputs;
    const uint32_t *weights; /* as m0plus_gather has them */
    const uint32_t *starts;  /* of two channels' biases, less 1: eight words */
    uint32_t *lanes;         /* scratch[8 * M0PLUS_WINDOWS] */
    int8_t *out;
    uint8_t *positions;
    uint32_t shift;
} m0plus_packed_pool;

/* Outputs and positions, as m0plus_pool8 has them; but where the largest accumulator is 0 the output, 0, may be
 * written, and a position. */
void m0plus_pool16_packed(const m0plus_packed_pool *pool);

/* Errors of some inputs, requantised. */
typedef struct {
    const m0plus_segment *segments; /* of the non-zero deltas: one window, no segment empty */
    uintptr_t weights;              /* of input 0, were its weights there; an input has `pitch` bytes */
    uint32_t pitch;
    const sparse_element *inputs, *inputs_end; /* at least one */
    int8_t *below;
    int32_t half; /* rounding_half(shift) */
    uint32_t shift;
} m0plus_dots;

/* Computes below[input] = C(R(sum of delta * weights[input * pitch + index + tap])) */
void m0plus_dot_inputs(const m0plus_dots *dots);

/* The rows of a linear layer's inputs, and what updates them. */
typedef struct {
    engine_score_row first; /* of input 0 */
    uint32_t outputs;
    int32_t smallest; /* |input| that is not left out; > 0 */
    const sparse_element *inputs, *inputs_end;
    const engine_sparse_delta *deltas, *deltas_end;
    uint32_t steps_fit; /* into -127..127, all of them: none is clamped */
} m0plus_score_rows;

/* Is update_score_rows of kernels.h. */
void m0plus_update_score_rows(const m0plus_score_rows *rows);

/* The rows of a linear layer's inputs. */
typedef struct {
    const sparse_element *inputs, *inputs_end; /* at least one, of 1..127 */
    uintptr_t first;                           /* row of input 0 */
    uint32_t outputs;
    int32_t budget; /* the largest sum of inputs whose products with any output's weights are sure to fit into int16; at
                       least 127 */
} m0plus_rows;

/* One item of the work list of rows.S: an input and its row of weights, below M0PLUS_SEGMENT; or x = 0, which begins
 * another segment of inputs, and place = M0PLUS_SEGMENT | the sum of its inputs; a sum of 0 ends the list. */
typedef struct {
    int32_t x; /* 0..127 */
    uintptr_t place;
} m0plus_work;

#define M0PLUS_SEGMENT 0x80000000u

/* Makes the work list of all inputs, in segments that keep to the budget. */
void m0plus_list_rows(const m0plus_rows *rows, m0plus_work *work);

/* Adds the products of a work list to acc[0..15], acc[0..7] or acc[0..3]. `offset` bytes are added to every row, which
 * is then 4-byte aligned. */
void m0plus_rows16(const m0plus_work *work, uintptr_t offset, int32_t *acc);
void m0plus_rows8(const m0plus_work *work, uintptr_t offset, int32_t *acc);
void m0plus_rows4(const m0plus_work *work, uintptr_t offset, int32_t *acc);

/* Inputs and rows, from an output on. */
typedef struct {
    const sparse_element *inputs, *inputs_end; /* may be none; -127..127 */
    uintptr_t first;                           /* row of input 0 */
    uint32_t outputs;                          /* bytes from a row to the next input's */
} m0plus_columns;

/* Makes acc[0..4], the accumulators of five outputs. */
void m0plus_columns5(const m0plus_columns *columns, int32_t *acc);

#define M0PLUS_LANE_DELTAS (INT16_MAX / 127)

/* The non-zero deltas of four neighbouring output channels, each with the place of its window in the padded map. */
typedef struct {
    uint32_t windows[4];                   /* << 8: what a place gains by the position in the pool */
    const int8_t *deltas;                  /* of the first pixel; word-aligned, as every pixel's */
    const uint8_t *positions;              /* of the first pixel; NULL: no pool */
    uint32_t rows, row_bytes, pixel_bytes; /* of deltas; none is 0 */
    uint32_t pixel_step,
        row_step;             /* << 8: of places, from a pixel to the next, from past a row's last to the next row */
    sparse_element *lists[4]; /* a channel's places and deltas each; 0 ends it */
} m0plus_delta_lists;

void m0plus_list_deltas4(const m0plus_delta_lists *lists);

/* Gradients of one output channel from its list of deltas. Maps hold 0..127. The first: `groups` times eight
 * neighbouring bytes of each window, from `map` on, to which places are added; all are 4-byte aligned. The second:
 * windows of 3x3 bytes, rows `pitch` apart. */
void m0plus_correlate8(const sparse_element *deltas, uintptr_t map, uint32_t groups, int32_t *gradient);
/* Correlates where the deltas of either sign sum up to at most M0PLUS_LANE_DELTAS: gradients fit into 16 bits. */
void m0plus_correlate8_lanes(const sparse_element *deltas, uintptr_t map, uint32_t groups, int32_t *gradient);
void m0plus_correlate9(const sparse_element *deltas, uintptr_t map, uint32_t pitch, int32_t *gradient);
/* As m0plus_correlate8, `groups` times five bytes that lie anywhere. */
void m0plus_correlate5(const sparse_element *deltas, uintptr_t map, uint32_t groups, int32_t *gradient);

/* Groups of scores, and what updates them: the gradient of input x and an edge is factors[edge] * x. */
typedef struct {
    engine_scored_groups groups;
    const int32_t *factors;
    uint32_t smallest_squared;                 /* of an x that is not left out */
    const sparse_element *inputs, *inputs_end; /* group and x */
} m0plus_scored_groups;

/* Updates scored groups. True: a score crossed the threshold, and its effective weight was kept. */
bool m0plus_update_scored_groups(const m0plus_scored_groups *scored);

/* A delta, and its place: for updates of its window in the padded map. */
typedef struct {
    uintptr_t place;
    intptr_t delta;
} m0plus_placed_delta;

/* Neighbouring deltas, as m0plus_segment has them. */
typedef struct {
    const m0plus_placed_delta *begin, *end;
    int32_t tap;
} m0plus_placed_segment;

/* What m0plus_dots is, of a streamed convolution: a delta's place is its index in the accumulator map. */
typedef struct {
    const m0plus_placed_segment *segments;
    uintptr_t weights;
    uint32_t pitch;
    const sparse_element *inputs, *inputs_end; /* at least one */
    int8_t *below;
    int32_t half;
    uint32_t shift;
} m0plus_streamed_errors;

void m0plus_streamed_dots(const m0plus_streamed_errors *errors);

/* The scored edges of the rows of a streamed convolution that belong to a tap, and what updates them. A list of deltas
 * begins with { m0plus_list_head(their number), the list's end }. */
typedef struct {
    const engine_entry *starts; /* of the first row */
    const uint8_t *indices;     /* output channels */
    int8_t *scores;
    const int8_t *weights; /* of the first row */
    uint32_t outputs;
    const uint8_t *map;                      /* the first row's input at place 0; the next row's is the next byte */
    const uint32_t *occupied, *occupied_end; /* of each row; one is left out that has no bit of `tap` */
    uint32_t tap;
    const m0plus_placed_delta *lists; /* of output channel 0 */
    uint32_t pitch;                   /* bytes from a list to the next channel's */
    uint32_t negligible;
    int32_t half; /* rounding_half(shift) */
    uint32_t shift;
} m0plus_tap_update;

void m0plus_update_tap(const m0plus_tap_update *update);
uintptr_t m0plus_list_head(uint32_t count);

/* Is update_channel_scores of kernels.h. */
bool m0plus_update_channel_scores(const engine_score_row *row, const int32_t *gradient, uint32_t count, uint32_t pitch);

#endif
