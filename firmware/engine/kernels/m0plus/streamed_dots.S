/* Errors of some inputs of a streamed convolution (m0plus.h), as in dots.S, but for deltas and their indices in a word each,
 * and in flash, as streamed_gather.S. 19.75 cycles for the four products of a delta, 11.75 for two. */
#include "registers.inc"

    .syntax unified
    .cpu cortex-m0plus
    .thumb
    .section .text.m0plus_streamed_dots, "ax"

    /* m0plus_streamed_errors */
    .equ SEGMENTS, 0
    .equ WEIGHTS, 4
    .equ PITCH, 8
    .equ INPUTS, 12
    .equ INPUTS_END, 16
    .equ BELOW, 20
    .equ HALF, 24
    .equ SHIFT, 28

    /* Places in the frame */
    .equ DOTS, 0
    .equ NEXT, 4                /* the group's first input */

    /* The weights of the input that r1 points to, which moves on as long as it is below the last one, r2. */
    .macro find row
    ldr  \row, [r1]
    lsrs \row, \row, #8
    muls \row, r0, \row
    adds \row, \row, r3
    cmp  r1, r2
    bhs  1f
    adds r1, #4
1:
    .endm

    .macro multiply row, sum
    ldrsb r3, [\row, r1]
    muls r3, r2, r3
    add  \sum, r3
    .endm

    .macro multiply_delta rows
    ldmia r0!, {r1, r2}         /* index and delta */
    multiply r4, r8
    multiply r5, r9
    .if \rows == 4
    multiply r6, r10
    multiply r7, r11
    .endif
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
    mov  r3, lr                 /* the weights as they were: less the segment's tap */
    subs r3, #4
    ldr  r3, [r3]
    subs r4, r4, r3
    subs r5, r5, r3
    .if \rows == 4
    subs r6, r6, r3
    subs r7, r7, r3
    .endif
segment_\rows:
    mov  r3, lr
    ldmia r3!, {r0, r1, r2}
    mov  lr, r3
    cmp  r0, #0
    beq  summed
    adds r4, r4, r2
    adds r5, r5, r2
    .if \rows == 4
    adds r6, r6, r2
    adds r7, r7, r2
    .endif
    mov  r12, r1
    subs r1, r1, r0
    lsls r1, r1, #28            /* of eight bytes a delta: their number's lowest bits into carry and sign */
    bcs  several_\rows
    bmi  one_\rows
    b    four_\rows
several_\rows:
    bpl  two_\rows
    b    three_\rows
    .endm

    /* C(R(\sum)) for the input that r1 points to; to \last if it is the last one. */
    .macro requantise sum, last
    ldmia r1!, {r2}
    lsrs r2, r2, #8
    mov  r3, \sum
    adds r3, r3, r5
    asrs r3, r6
    adds r3, #127
    cmp  r3, #254
    bls  2f
    cmp  r3, #0                 /* signed: above or below */
    bgt  1f
    movs r3, #0
    b    2f
1:  movs r3, #254
2:  subs r3, #127
    strb r3, [r4, r2]
    cmp  r1, r7
    beq  \last
    .endm

/* void m0plus_streamed_dots(const m0plus_streamed_errors *dots) */
    .balign 4
    .global m0plus_streamed_dots
    .type m0plus_streamed_dots, %function
m0plus_streamed_dots:
    save_registers
    ldr  r1, [r0, #INPUTS]
    push {r0, r1}

group:                          /* r0 dots, r1 next input */
    ldr  r2, [r0, #INPUTS_END]
    subs r2, #4
    ldr  r3, [r0, #SEGMENTS]
    mov  lr, r3
    ldr  r3, [r0, #WEIGHTS]
    ldr  r0, [r0, #PITCH]
    movs r6, #0
    mov  r8, r6
    mov  r9, r6
    mov  r10, r6
    mov  r11, r6
    subs r6, r2, r1             /* bytes from the first to the last */
    find r4
    find r5
    cmp  r6, #4
    bls  two
    find r6
    find r7
    sum_segments 4
two:
    sum_segments 2

summed:
    ldr  r0, [sp, #DOTS]
    ldr  r1, [sp, #NEXT]
    ldr  r4, [r0, #BELOW]
    ldr  r5, [r0, #HALF]
    ldr  r6, [r0, #SHIFT]
    ldr  r7, [r0, #INPUTS_END]
    requantise r8, done
    requantise r9, done
    requantise r10, done
    requantise r11, done
    str  r1, [sp, #NEXT]
    b    group

done:
    add  sp, #8
    restore_registers
    .size m0plus_streamed_dots, . - m0plus_streamed_dots
