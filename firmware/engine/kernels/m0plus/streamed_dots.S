/* Errors of some inputs of a streamed convolution (m0plus.h), as in dots.S, but for deltas and their indices in a word
 * each, and in flash, as streamed_gather.S. 19.75 cycles for the four products of a delta, 11.75 for two. */
#include "registers.inc"
#include "dots.inc"

    .section .text.m0plus_streamed_dots, "ax"

    .macro multiply_delta rows
    ldmia r0!, {r1, r2}         /* index and delta */
    multiply_rows \rows
    .endm

    /* The sums of two or four inputs over all segments: lr segments, r12 end of one, r4-r7 weights, r8-r11 sums. */
    .macro sum_segments rows
    b    segment_\rows

four_\rows:
    multiply_delta \rows
three_\rows:
    multiply_delta \rows
two_\rows:
    multiply_delta \rows
one_\rows:
    multiply_delta \rows
    cmp  r0, r12
    bne  four_\rows
    leave_segment \rows
segment_\rows:
    enter_segment \rows
    lsls r1, r1, #28            /* of eight bytes a delta: their number's lowest bits into carry and sign */
    bcs  several_\rows
    bmi  one_\rows
    b    four_\rows
several_\rows:
    bpl  two_\rows
    b    three_\rows
    .endm

/* void m0plus_streamed_dots(const m0plus_streamed_errors *dots) */
    errors_of_inputs m0plus_streamed_dots
