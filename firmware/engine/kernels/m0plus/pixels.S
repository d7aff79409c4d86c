/* Convolution accumulators of eight output channels over a map of one channel (m0plus.h).
 *
 * Weights, widened to int32, stream past the accumulators, which stay in registers; a pixel that is 0 steps over its
 * weights. A row's columns are unrolled, and entered so that as many are left as the window has. 33 cycles for the eight
 * products of a pixel, 7 for a 0. */
#include "registers.inc"

    .syntax unified
    .cpu cortex-m0plus
    .thumb
    .section .text.m0plus_pixels8, "ax" /* in flash: m0plus_pool_row8 does most of the work there is */

    .equ COLUMNS, 5             /* M0PLUS_MAX_COLUMNS */
    .equ COLUMN_BYTES, 50       /* of the code of one; checked below */

/* Places in the frame */
    .equ FIRST, 0               /* pixel of the windows, less the columns that are not entered */
    .equ ACC, 4                 /* of the window */
    .equ WEIGHTS, 8
    .equ OFFSETS, 12            /* the next window's */
    .equ OFFSETS_END, 16
    .equ PITCH, 20
    .equ KERNEL_BYTES, 24       /* from a window's first row to past its last */
    .equ ROWS_END, 28
    .equ FRAME, 32

    .macro column place
    ldrb r0, [r1, #\place]
    cmp  r0, #0
    bne  1f
    adds r6, #32
    b    2f
1:  multiply_pair r8, r9
    multiply_pair r10, r11
    multiply_pair r12, lr
    multiply_pair r4, r5
2:
    .endm

    .macro store accumulator, place
    mov  r2, \accumulator
    str  r2, [r6, #\place]
    .endm

/* void m0plus_pixels8(const m0plus_pixel_windows *windows, const uint8_t *first, int32_t *acc, const int32_t *weights) */
    .balign 4
    .global m0plus_pixels8
    .type m0plus_pixels8, %function
m0plus_pixels8:
    save_registers
    sub  sp, #FRAME
    str  r2, [sp, #ACC]
    str  r3, [sp, #WEIGHTS]
    ldmia r0!, {r2, r3, r4}     /* count, pitch, kernel */
    str  r3, [sp, #PITCH]
    muls r3, r4, r3
    str  r3, [sp, #KERNEL_BYTES]
    lsls r2, r2, #2
    adds r2, r2, r0
    str  r2, [sp, #OFFSETS_END]
    adds r1, r1, r4
    subs r1, #COLUMNS
    str  r1, [sp, #FIRST]
    movs r2, #COLUMN_BYTES
    muls r2, r4, r2
    ldr  r7, =row_end + 1
    subs r7, r7, r2             /* of the first column entered */

window:
    ldmia r0!, {r2}
    str  r0, [sp, #OFFSETS]
    ldr  r1, [sp, #FIRST]
    adds r1, r1, r2             /* r1 + the place of the first column entered: the window's first pixel */
    ldr  r2, [sp, #KERNEL_BYTES]
    adds r2, r2, r1
    str  r2, [sp, #ROWS_END]
    ldr  r6, [sp, #WEIGHTS]
    movs r4, #0                 /* accumulators: r8 r9 r10 r11 r12 lr r4 r5 */
    start_accumulators
    bx   r7

columns:
    column 0
    column 1
    column 2
    column 3
    column 4
row_end:
    .if row_end - columns - COLUMNS * COLUMN_BYTES
    .error "COLUMN_BYTES"
    .endif
    ldr  r2, [sp, #PITCH]
    adds r1, r1, r2
    ldr  r2, [sp, #ROWS_END]
    cmp  r1, r2
    beq  1f
    bx   r7

1:  ldr  r6, [sp, #ACC]
    store r8, 0
    store r9, 16
    store r10, 32
    store r11, 48
    store r12, 64
    store lr, 80
    str  r4, [r6, #96]
    str  r5, [r6, #112]
    adds r6, #4
    str  r6, [sp, #ACC]
    ldr  r0, [sp, #OFFSETS]
    ldr  r2, [sp, #OFFSETS_END]
    cmp  r0, r2
    beq  2f
    b    window                 /* too far for a condition */

2:  add  sp, #FRAME
    restore_registers
    .ltorg
    .size m0plus_pixels8, . - m0plus_pixels8
