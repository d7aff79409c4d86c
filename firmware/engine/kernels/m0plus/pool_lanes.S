/* Pool, ReLU and requantisation of eight channels at a time from packed lanes, for the assembly that makes them.
 *
 * A word is one less than its two accumulators make, so that the signs of all four words and of their lower halves say at
 * once whether a channel has a positive accumulator: 14 cycles for a pair of channels without one, about 40 if one has,
 * 70 if both have. */
#include "registers.inc"

    .syntax unified
    .cpu cortex-m0plus
    .thumb
    .section .time_critical.engine, "ax"

/* One channel from accumulators in the upper halves of r4 - r7, one of them not negative. */
    .macro channel place, half
    movs r3, #0
    larger r5, 1
    larger r6, 2
    larger r7, 3
    add  r4, \half
    mov  r5, r9
    lsrs r4, r5
    cmp  r4, #127
    ble  1f
    movs r4, #127
1:  strb r4, [r1, #\place]
    strb r3, [r2, #\place]
    .endm

    .macro lower_lanes
    lsls r4, r4, #16
    lsls r5, r5, #16
    lsls r6, r6, #16
    lsls r7, r7, #16
    .endm

    .macro upper lanes
    sxth r3, \lanes
    subs \lanes, \lanes, r3
    .endm

    .macro pair place
    ldmia r0!, {r4-r7}
    movs r3, r4
    ands r3, r5
    ands r3, r6
    ands r3, r7
    bmi  2f
    mov  r11, r3
    upper r4
    upper r5
    upper r6
    upper r7
    channel \place + 1, r8
    mov  r3, r11
    lsls r3, r3, #16
    bmi  4f
    subs r0, #16
    ldmia r0!, {r4-r7}
    b    3f
2:  lsls r3, r3, #16
    bmi  4f
3:  lower_lanes
    channel \place, r10
4:
    .endm

/* Pools for assembly callers: four pairs of channels from lanes[pair][window] at r0, words lower + upper * 65536 - 1,
 * outputs to r1, positions to r2, shift in r3. r0 is past the lanes then, r3 - r11 are lost. */
    .balign 4
    .global m0plus_pool_pairs
    .type m0plus_pool_pairs, %function
m0plus_pool_pairs:
    adds r3, #15
    movs r4, #1
    lsls r4, r3
    mov  r8, r4                 /* half a unit of the output in the upper half of a word: 0 from shift 17 on, where */
    adds r3, #1                 /* all outputs are 0 anyway */
    mov  r9, r3
    movs r3, #1
    lsls r3, r3, #16
    adds r3, r3, r4
    mov  r10, r3                /* the same for the lower lanes, which are one less */
    pair 0
    pair 2
    pair 4
    pair 6
    bx   lr
    .size m0plus_pool_pairs, . - m0plus_pool_pairs
