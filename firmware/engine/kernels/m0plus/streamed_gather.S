/* Accumulators of sixteen output channels of a streamed convolution (m0plus.h), in lanes as those of lanes.S, but emptied
 * by another proof: by Cauchy and Schwarz a segment, what a kernel row adds to a channel, is at most the root of the sum
 * of its squared inputs times the root of that of its squared weights. What lies between does not matter, since lanes
 * come apart when they are emptied.
 *
 * It runs from flash, where its loops stay in the cache: networks without streamed layers need no SRAM for it. A product
 * costs 2.2 cycles: 35 an element, of which 28 multiply and add; a segment 50 more; emptying 150. */
#include "registers.inc"
#include "elements.inc"

    .syntax unified
    .cpu cortex-m0plus
    .thumb
    .section .text.m0plus_streamed_gather16, "ax"

/* Places in the frame */
    .equ END, 0                 /* of the elements that the lanes have room for */
    .equ REST, 4                /* of the segment's */
    .equ COST, 8                /* of the segment */
    .equ TAP, 12                /* the weights of map element 0, in this segment, while lanes are emptied */
    .equ ROWS, 16               /* the next one; with the three that follow, of the window */
    .equ FIRST, 20
    .equ LAST, 24
    .equ BASE, 28               /* of the weights of its taps */
    .equ SEGMENTS, 32           /* in the lanes */
    .equ TOTAL, 36              /* their costs */
    .equ RETURN, 40             /* where to go on when the lanes are empty */
    .equ WINDOW, 44             /* the next one; from here on m0plus_streamed_gather */
    .equ WINDOWS_END, 48
    .equ INPUTS, 52
    .equ WEIGHTS, 56
    .equ ACC, 60                /* of the window */
    .equ COSTS, 64
    .equ BUDGET, 68
    .equ SUM_BUDGET, 72
    .equ FRAME, 76

    .equ HEAVY, 0x10000         /* a total that leaves no room for another segment: budgets of heavy ones are less */

    .macro element              /* index * 256 + x */
    ldmia r1!, {r6}
    sxtb r0, r6
    lsrs r6, r6, #8
    lsls r6, r6, #5
    adds r6, r6, r7
    multiply_sixteen
    .endm

    .macro empty place          /* lanes in r2 */
    sxth r3, r2
    subs r2, r2, r3
    asrs r2, r2, #16
    ldr  r7, [r6, #\place]
    adds r3, r3, r7
    str  r3, [r6, #\place]
    ldr  r7, [r6, #\place + 32]
    adds r2, r2, r7
    str  r2, [r6, #\place + 32]
    .endm

    /* Four channels: the first and third are what the second and fourth leave of all. */
    .macro empty_four all, second, place
    mov  r2, \all
    mov  r3, \second
    lsls r3, r3, #8
    subs r2, r2, r3
    empty \place
    mov  r2, \second
    empty \place + 16
    .endm

/* void m0plus_streamed_gather16(const m0plus_streamed_gather *gather) */
    .balign 4
    .global m0plus_streamed_gather16
    .type m0plus_streamed_gather16, %function
m0plus_streamed_gather16:
    save_registers
    sub  sp, #FRAME
    ldmia r0!, {r1-r4}
    add  r5, sp, #WINDOW
    stmia r5!, {r1-r4}
    ldmia r0!, {r1-r4}
    stmia r5!, {r1-r4}

next_window:
    ldr  r0, [sp, #WINDOW]
    ldmia r0!, {r1, r2, r3, r6}
    str  r0, [sp, #WINDOW]
    keep_window
    movs r4, #0
    str  r4, [sp, #SEGMENTS]
    str  r4, [sp, #TOTAL]
    start_accumulators
    b    next_segment

    loop_elements
    ldr  r3, [sp, #REST]
    cmp  r1, r3
    bne  heavy_run

next_segment:
    ldr  r0, [sp, #ROWS]
    ldmia r0!, {r1, r7}
    str  r0, [sp, #ROWS]
    cmp  r1, #0
    beq  end_of_window
    ldr  r2, [sp, #FIRST]
    ldr  r3, [sp, #LAST]
    ldr  r6, [sp, #COSTS]
    adds r6, r6, r1
    ldrh r0, [r6, r3]
    ldrh r6, [r6, r2]
    subs r0, r0, r6
    uxth r0, r0
    adds r0, #1                 /* what is between two rounded sums is less than one more */
    ldrh r2, [r1, r2]
    ldrh r3, [r1, r3]
    subs r3, r3, r2             /* elements of the row */
    beq  next_segment
    find_row
    lsls r3, r3, #2
    adds r3, r3, r1
    str  r3, [sp, #REST]
    ldr  r2, [sp, #SEGMENTS]
    ldr  r6, [sp, #TOTAL]
    adds r2, #1
    adds r6, r6, r0
    str  r2, [sp, #SEGMENTS]
    str  r6, [sp, #TOTAL]
    muls r2, r6, r2
    ldr  r6, [sp, #BUDGET]
    cmp  r2, r6
    bhi  no_room

run_to_r3:                      /* elements from r1 to r3, at least one */
    str  r3, [sp, #END]
    subs r3, r3, r1
    lsls r3, r3, #29            /* their number's lowest bits into carry and sign */
    enter_loop

/* The sum that lies in the lanes allows no more; r0 cost. */
no_room:
    str  r0, [sp, #COST]
    ldr  r2, [sp, #SEGMENTS]
    cmp  r2, #1
    beq  heavy
    adr  r0, room
    b    empty_lanes
    .balign 4
room:
    movs r2, #1
    str  r2, [sp, #SEGMENTS]
    ldr  r0, [sp, #COST]
    str  r0, [sp, #TOTAL]
    ldr  r3, [sp, #REST]
    ldr  r2, [sp, #BUDGET]
    cmp  r0, r2
    bls  run_to_r3

/* A segment that has no room even in empty lanes: runs of elements, as many as their sum allows. */
heavy:
    movs r0, #1
    lsls r0, r0, #16
    str  r0, [sp, #TOTAL]
    ldr  r3, [sp, #REST]
    b    2f
heavy_run:
    adr  r0, heavy_room
    b    empty_lanes
    .balign 4
heavy_room:
    ldr  r3, [sp, #REST]
2:  ldr  r2, [sp, #SUM_BUDGET]
    movs r6, r1
1:  ldmia r6!, {r0}
    sxtb r0, r0
    cmp  r0, #0
    bge  4f
    rsbs r0, r0, #0
4:  subs r2, r2, r0
    bmi  3f
    cmp  r6, r3
    bne  1b
    b    run_to_r3
3:  subs r3, r6, #4
    b    run_to_r3

end_of_window:
    ldr  r2, [sp, #SEGMENTS]
    cmp  r2, #0
    beq  emptied
    adr  r0, emptied
    b    empty_lanes
    .balign 4
emptied:
    ldr  r0, [sp, #ACC]
    adds r0, #4
    str  r0, [sp, #ACC]
    ldr  r0, [sp, #WINDOW]
    ldr  r2, [sp, #WINDOWS_END]
    cmp  r0, r2
    beq  1f
    b    next_window            /* too far for a condition */
1:  add  sp, #FRAME
    restore_registers

/* Adds the lanes to the accumulators, and goes on at r0; r1 and r7 stay. */
empty_lanes:
    str  r0, [sp, #RETURN]
    str  r7, [sp, #TAP]
    ldr  r6, [sp, #ACC]
    empty_four r8, r9, 0
    empty_four r10, r11, 64
    adds r6, #128
    empty_four r12, lr, 0
    empty_four r4, r5, 64
    movs r4, #0
    start_accumulators
    ldr  r7, [sp, #TAP]
    ldr  r0, [sp, #RETURN]
    mov  pc, r0
    .size m0plus_streamed_gather16, . - m0plus_streamed_gather16
