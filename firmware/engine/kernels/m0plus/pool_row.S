/* A row of pools of 3x3 windows next to one another, over a map of one channel, for eight output channels (m0plus.h).
 *
 * A pool's four windows read four rows of four pixels: each is made into a word once, and an empty pool, an empty row of a
 * window and a pixel that is 0 are stepped over. Weights, widened to int32, stream past a window's accumulators, which
 * stay in registers. 30 cycles for the eight products of a pixel, 6 for a 0, 7 for a row of zeros; 50 for an empty pool. */
#include "registers.inc"

    .syntax unified
    .cpu cortex-m0plus
    .thumb
    .section .text.m0plus_pool_row8, "ax" /* in flash: small weights take m0plus_pool_rows8_lanes */

/* Places in the frame, which is 16-byte aligned. For a window the stack pointer moves up by 4: the same code finds its
 * rows and its accumulators, and the low bits tell the last window. */
    .equ ROWS, 0                /* [row of the window][window]: three pixels, above them anything */
    .equ ACC, 48                /* [channel][window] */
    .equ FIRST, 176             /* of the pool's pixels */
    .equ OUT, 180
    .equ PITCH, 184
    .equ OUTPUTS, 188
    .equ END, 192
    .equ WEIGHTS, 196
    .equ POSITIONS, 200         /* of output 0, were that at address 0 */
    .equ SHIFT, 204
    .equ CALLERS, 208           /* the stack pointer */
    .equ BIASES, 212
    .equ FRAME, 216

    .macro pixel
    ldmia r6!, {r2, r3, r7}
    muls r2, r0, r2
    muls r3, r0, r3
    muls r7, r0, r7
    add  r8, r2
    add  r9, r3
    add  r10, r7
    ldmia r6!, {r2, r3, r7}
    muls r2, r0, r2
    muls r3, r0, r3
    muls r7, r0, r7
    add  r11, r2
    add  r12, r3
    add  lr, r7
    ldmia r6!, {r2, r3}
    muls r2, r0, r2
    muls r3, r0, r3
    adds r4, r4, r2
    adds r5, r5, r3
    .endm

    .macro window_row row
    ldr  r1, [sp, #ROWS + 16 * \row]
    lsls r0, r1, #8
    beq  empty_row\row
    lsls r0, r1, #24
    beq  empty\row\()0
    lsrs r0, r0, #24
    pixel
after\row\()0:
    lsls r0, r1, #16
    lsrs r0, r0, #24
    beq  empty\row\()1
    pixel
after\row\()1:
    lsls r0, r1, #8
    lsrs r0, r0, #24
    beq  empty\row\()2
    pixel
after\row\()2:
    .endm

/* Steps over weights, out of the way of the pixels that are not 0, and near enough for a condition. */
    .macro empty_row row
empty_row\row:
    adds r6, #96
    b    after\row\()2
    .endm

    .macro empty row, column
empty\row\column:
    adds r6, #32
    b    after\row\column
    .endm

    .macro store accumulator, channel
    mov  r2, \accumulator
    str  r2, [sp, #ACC + 16 * \channel]
    .endm

/* void m0plus_pool_row8(const m0plus_pool_row *row, const int32_t *weights) */
    .balign 4
    .global m0plus_pool_row8
    .type m0plus_pool_row8, %function
m0plus_pool_row8:
    save_registers
    mov  r2, sp
    movs r3, r2
    subs r3, #FRAME
    lsrs r3, r3, #4
    lsls r3, r3, #4
    mov  sp, r3
    str  r2, [sp, #CALLERS]
    str  r1, [sp, #WEIGHTS]
    ldmia r0!, {r1-r7}          /* first, pitch, out, end, positions, outputs, shift */
    ldr  r0, [r0]
    str  r0, [sp, #BIASES]
    str  r2, [sp, #PITCH]
    str  r4, [sp, #END]
    subs r5, r5, r3
    str  r5, [sp, #POSITIONS]
    str  r6, [sp, #OUTPUTS]
    str  r7, [sp, #SHIFT]
    mov  r8, r2                 /* between pools: r8 pitch, r9 first, r10 out, r11 outputs, r12 end */
    mov  r9, r1
    mov  r10, r3
    mov  r11, r6
    mov  r12, r4

pool:
    load_pool r5, r4
    beq  next_pool
    mov  r0, r9
    str  r0, [sp, #FIRST]
    mov  r0, r10
    str  r0, [sp, #OUT]
    str  r4, [sp, #ROWS + 40]   /* the last row, of the lower windows */
    lsrs r4, r4, #8
    str  r4, [sp, #ROWS + 44]
    lsrs r2, r1, #8
    lsrs r4, r3, #8
    lsrs r6, r5, #8
    mov  r0, sp
    stmia r0!, {r1-r4}
    stmia r0!, {r3-r6}
    stmia r0!, {r5, r6}
    ldr  r6, [sp, #WEIGHTS]
    b    window

next_pool:
    movs r2, #2
    add  r9, r2
    add  r10, r11
    cmp  r10, r12
    bne  pool

    ldr  r2, [sp, #CALLERS]
    mov  sp, r2
    restore_registers

    empty_row 0
    empty 0, 0
    empty 0, 1
    empty 0, 2
    empty_row 1
    empty 1, 0
    empty 1, 1

window:
    movs r4, #0                 /* accumulators: r8 r9 r10 r11 r12 lr r4 r5 */
    start_accumulators
    window_row 0
    window_row 1
    window_row 2
    store r8, 0
    store r9, 1
    store r10, 2
    store r11, 3
    store r12, 4
    store lr, 5
    str  r4, [sp, #ACC + 16 * 6]
    str  r5, [sp, #ACC + 16 * 7]
    subs r6, #144               /* back to the first weight */
    subs r6, #144
    add  sp, #4
    mov  r0, sp
    lsls r0, r0, #28
    beq  pooled
    b    window                 /* too far for a condition */

    empty 1, 2
    empty_row 2
    empty 2, 0
    empty 2, 1
    empty 2, 2

pooled:
    sub  sp, #16
    ldr  r0, [sp, #BIASES]
    str  r0, [sp]               /* where rows were: the last argument */
    add  r0, sp, #ACC
    ldr  r1, [sp, #OUT]
    ldr  r2, [sp, #POSITIONS]
    adds r2, r2, r1
    ldr  r3, [sp, #SHIFT]
    bl   m0plus_pool8
    add  r0, sp, #FIRST
    ldmia r0!, {r1-r5}
    mov  r9, r1
    mov  r10, r2
    mov  r8, r3
    mov  r11, r4
    mov  r12, r5
    b    next_pool
    .size m0plus_pool_row8, . - m0plus_pool_row8
