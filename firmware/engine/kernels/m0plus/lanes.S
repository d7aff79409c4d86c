/* Convolution accumulators of sixteen or eight output channels at once, in registers (m0plus.h).
 *
 * Two 16-bit lanes share one multiply: a word of weights is w0 + w1 * 65536, modulo 2^32, so that x times it adds to both
 * lanes, and the lanes come apart exactly while each lies in -32768..32767. The sum of x since they were last emptied
 * into int32 accumulators says how long they do: up to the budget.
 *
 * For sixteen channels a product costs 2.5 cycles: 40 an element, of which 28 multiply and add. */
#include "registers.inc"

    .syntax unified
    .cpu cortex-m0plus
    .thumb

/* Places in the frame */
    .equ END, 0                 /* of the segment: the elements of one kernel row */
    .equ WEIGHTS, 4             /* of map element 0, in this segment */
    .equ ROWS, 8                /* the next one; with the three that follow, of the window */
    .equ FIRST, 12
    .equ LAST, 16
    .equ BASE, 20               /* of the weights of its taps */
    .equ WINDOW, 24             /* the next one; from here on m0plus_gather */
    .equ WINDOWS_END, 28
    .equ INPUTS, 32
    .equ GROUP_WEIGHTS, 36
    .equ ACC, 40                /* of the window */
    .equ BUDGET, 44
    .equ ADDS, 48
    .equ EMPTIED, 52            /* whether the window's accumulators hold something */
    .equ ELEMENT_WEIGHTS, 56
    .equ FRAME, 60

/* An element, index * 256 + x: x into r0, the place of its weights into r6. */
    .macro next_element shift
    ldmia r1!, {r6}
    uxtb r0, r6
    subs r6, r6, r0
    lsrs r6, r6, #\shift
    ldr  r3, [sp, #WEIGHTS]
    adds r6, r6, r3
    subs r7, r7, r0             /* negative: the budget is used up */
    .endm

/* The lanes of a register: the lower into r3, the upper into r2. */
    .macro split lanes
    mov  r2, \lanes
    sxth r3, r2
    subs r2, r2, r3
    asrs r2, r2, #16
    .endm

    .macro store lanes, place
    split \lanes
    str  r3, [r6, #\place]
    str  r2, [r6, #\place + 16]
    .endm

    .macro accumulate lanes, place
    split \lanes
    ldr  r7, [r6, #\place]
    adds r3, r3, r7
    str  r3, [r6, #\place]
    ldr  r7, [r6, #\place + 16]
    adds r2, r2, r7
    str  r2, [r6, #\place + 16]
    .endm

/* Shift: from an element's index * 256 to its weights' bytes. */
    .macro gather name, outputs, shift
    .balign 4
    .global \name
    .type \name, %function
\name:
    save_registers
    sub  sp, #FRAME
    ldmia r0!, {r1-r7}
    add  r0, sp, #WINDOW
    stmia r0!, {r1-r7}

1:  ldr  r0, [sp, #WINDOW]      /* a window: lanes in r8-r11 and, of sixteen channels, r4 r5 r12 lr */
    ldmia r0!, {r1, r2, r3, r6}
    str  r0, [sp, #WINDOW]
    ldr  r0, [sp, #GROUP_WEIGHTS]
    lsls r6, r6, #8 - \shift
    subs r6, r0, r6
    add  r0, sp, #ROWS
    stmia r0!, {r1, r2, r3, r6}
    ldr  r4, [sp, #ADDS]
    str  r4, [sp, #EMPTIED]
    movs r4, #0
    mov  r8, r4
    mov  r9, r4
    mov  r10, r4
    mov  r11, r4
    .if \outputs == 16
    movs r5, #0
    mov  r12, r4
    mov  lr, r4
    .endif
    ldr  r7, [sp, #BUDGET]

2:  ldr  r0, [sp, #ROWS]
    ldmia r0!, {r1, r6}
    str  r0, [sp, #ROWS]
    cmp  r1, #0
    beq  6f                     /* end of the window */
    ldr  r2, [sp, #FIRST]
    ldr  r3, [sp, #LAST]
    ldrh r2, [r1, r2]
    ldrh r3, [r1, r3]
    cmp  r2, r3
    beq  2b
    ldr  r0, [sp, #INPUTS]
    lsls r1, r2, #2
    adds r1, r1, r0
    lsls r2, r3, #2
    adds r2, r2, r0
    lsls r6, r6, #8 - \shift
    ldr  r3, [sp, #BASE]
    .if \outputs == 16
    adds r6, r6, r3
    str  r2, [sp, #END]
    str  r6, [sp, #WEIGHTS]
    subs r2, r2, r1
    lsls r2, r2, #29            /* of four bytes an element: an odd number? */
    bmi  5f
3:  next_element \shift
    bmi  6f
4:  multiply_sixteen
5:  next_element \shift
    bmi  6f
.L\name\()_second:
    multiply_sixteen
    ldr  r2, [sp, #END]
    cmp  r1, r2
    .else
    movs r4, r2                 /* r4 end, r5 weights */
    adds r5, r6, r3
3:  ldmia r1!, {r6}             /* as next_element */
    uxtb r0, r6
    subs r6, r6, r0
    lsrs r6, r6, #\shift
    adds r6, r6, r5
    subs r7, r7, r0
    bmi  6f
4:  multiply_pair r8, r9
    multiply_pair r10, r11
    cmp  r1, r4
    .endif
    bne  3b
    b    2b

6:  str  r6, [sp, #ELEMENT_WEIGHTS] /* empties the lanes; r1 is 0 at the end of a window */
    ldr  r6, [sp, #ACC]
    ldr  r3, [sp, #EMPTIED]
    cmp  r3, #0
    bne  7f
    store r8, 0
    store r9, 32
    store r10, 64
    store r11, 96
    .if \outputs == 16
    adds r6, #128
    store r12, 0
    store lr, 32
    store r4, 64
    store r5, 96
    .endif
    movs r2, #1
    str  r2, [sp, #EMPTIED]
    b    8f
7:  accumulate r8, 0
    accumulate r9, 32
    accumulate r10, 64
    accumulate r11, 96
    .if \outputs == 16
    adds r6, #128
    accumulate r12, 0
    accumulate lr, 32
    accumulate r4, 64
    accumulate r5, 96
    .endif
8:  cmp  r1, #0
    beq  9f
    movs r2, #0
    mov  r8, r2
    mov  r9, r2
    mov  r10, r2
    mov  r11, r2
    .if \outputs == 16
    mov  r12, r2
    mov  lr, r2
    movs r4, #0
    movs r5, #0
    .endif
    ldr  r6, [sp, #ELEMENT_WEIGHTS]
    ldr  r7, [sp, #BUDGET]
    subs r7, r7, r0
    .if \outputs == 16
    ldr  r2, [sp, #END]
    subs r2, r2, r1
    lsls r2, r2, #29
    bmi  10f
    b    .L\name\()_second
    .endif
10: b    4b

9:  ldr  r0, [sp, #ACC]
    adds r0, #4
    str  r0, [sp, #ACC]
    ldr  r0, [sp, #WINDOW]
    ldr  r2, [sp, #WINDOWS_END]
    cmp  r0, r2
    beq  10f
    b    1b                     /* too far for a condition */
10: add  sp, #FRAME
    restore_registers
    .size \name, . - \name
    .endm

/* void m0plus_gather16(const m0plus_gather *gather) */
    .section .time_critical.engine, "ax"
    gather m0plus_gather16, 16, 3

/* void m0plus_gather8(const m0plus_gather *gather): in flash, for the channels that no sixteen are left of */
    .section .text.m0plus_gather8, "ax"
    gather m0plus_gather8, 8, 4
