/* Rows of pools of 3x3 windows next to one another, over a map of one channel, for eight output channels whose weights
 * are small enough for 16-bit lanes (m0plus.h).
 *
 * A word of weights is w0 + w1 * 65536, modulo 2^32: one multiply adds to the lanes of two channels, which come apart
 * exactly since both end within 16 bits. The two windows of a pool that lie side by side are made at once, in eight
 * registers: a pixel of an inner column is in both, and the words of its two taps follow one another. The weights wait
 * on the stack, where every tap's place is an instruction's constant.
 *
 * For both windows: 31 cycles for the sixteen products of a pixel of an inner column, 18 for the eight of one of an
 * outer column, 4 for a 0 (3 on the left), 5 for a row of zeros. 50 for an empty pool, 30 for a row of pools. */
#include "registers.inc"

    .syntax unified
    .cpu cortex-m0plus
    .thumb
    .section .time_critical.engine, "ax"

/* Places in the frame */
    .equ WEIGHTS, 0             /* [tap][pair of channels] */
    .equ TAP_BYTES, 16
    .equ LANES, 144             /* [pair of channels][window] */
    .equ ROWS, 208              /* of pixels, from the windows' first row on: four pixels each */
    .equ FIRST, 224             /* of the pool's pixels; from here on m0plus_pool_row */
    .equ OUT, 232
    .equ END, 236               /* of the row's outputs */
    .equ POSITIONS, 240         /* of output 0, were that at address 0 */
    .equ SHIFT, 248
    .equ PLACE, 252             /* in LANES, of the two windows */
    .equ ROWS_LEFT, 256
    .equ ROW_FIRST, 260         /* of the row's pixels */
    .equ ROW_BYTES, 264         /* of outputs */
    .equ STARTS, 268            /* of the lanes */
    .equ FRAME, 284

/* A pixel that is in one window: r0 times the four words of a tap. r1 - r3 and r6, r7 are lost; r1 only if `spare`. */
    .macro outer tap, first, second, third, fourth, spare
    add  r6, sp, #WEIGHTS + TAP_BYTES * (\tap)
    .if \spare
    ldmia r6!, {r1, r2, r3, r7}
    muls r1, r0, r1
    muls r2, r0, r2
    muls r3, r0, r3
    muls r7, r0, r7
    add  \first, r1
    add  \second, r2
    add  \third, r3
    add  \fourth, r7
    .else
    multiply_pair \first, \second
    multiply_pair \third, \fourth
    .endif
    .endm

/* A pixel that is in both: the right window's tap, and the left one's that follows it. */
    .macro inner tap
    add  r6, sp, #WEIGHTS + TAP_BYTES * (\tap)
    ldmia r6!, {r2, r3, r7}
    muls r2, r0, r2
    muls r3, r0, r3
    muls r7, r0, r7
    add  r12, r2
    add  lr, r3
    add  r4, r7
    ldmia r6!, {r2, r3, r7}
    muls r2, r0, r2
    muls r3, r0, r3
    muls r7, r0, r7
    add  r5, r2
    add  r8, r3
    add  r9, r7
    multiply_pair r10, r11
    .endm

    .macro window_row row
    ldr  r1, [sp, #ROWS + 4 * \row]
    cmp  r1, #0
    beq  5f
    lsls r0, r1, #24
    beq  1f
    lsrs r0, r0, #24
    outer 3 * \row, r8, r9, r10, r11, 0
1:  lsls r0, r1, #16
    lsrs r0, r0, #24
    beq  2f
    inner 3 * \row
2:  lsls r0, r1, #8
    lsrs r0, r0, #24
    beq  3f
    inner 3 * \row + 1
3:  lsrs r0, r1, #24
    beq  5f
    outer 3 * \row + 2, r12, lr, r4, r5, 1
5:
    .endm

    .macro store left, right, pair
    mov  r2, \left
    str  r2, [r6, #16 * \pair]
    mov  r2, \right
    str  r2, [r6, #16 * \pair + 4]
    .endm

/* void m0plus_pool_rows8_lanes(const m0plus_pool_row *first, const uint32_t *weights, uint32_t rows,
 * const uint32_t *starts) */
    .balign 4
    .global m0plus_pool_rows8_lanes
    .type m0plus_pool_rows8_lanes, %function
m0plus_pool_rows8_lanes:
    save_registers
    sub  sp, #FRAME
    str  r2, [sp, #ROWS_LEFT]
    mov  r8, r0
    ldmia r3!, {r4-r7}
    add  r0, sp, #STARTS
    stmia r0!, {r4-r7}
    mov  r0, sp
    .rept 6
    ldmia r1!, {r2-r7}
    stmia r0!, {r2-r7}
    .endr
    mov  r0, r8
    ldmia r0!, {r1-r7}          /* first, pitch, out, end, positions, outputs, shift */
    subs r5, r5, r3
    add  r0, sp, #FIRST
    stmia r0!, {r1-r7}
    b    next_row

row_done:
    ldr  r0, [sp, #ROWS_LEFT]
    subs r0, #1
    beq  done
    str  r0, [sp, #ROWS_LEFT]
    add  r0, sp, #FIRST
    ldmia r0!, {r1-r6}
    ldr  r1, [sp, #ROW_FIRST]
    adds r1, r1, r2
    adds r1, r1, r2
    movs r3, r4                 /* outputs of the rows follow one another */
    ldr  r0, [sp, #ROW_BYTES]
    adds r4, r4, r0
    str  r4, [sp, #END]

next_row:
    str  r1, [sp, #ROW_FIRST]
    subs r0, r4, r3
    str  r0, [sp, #ROW_BYTES]

next_pool:                      /* between pools: r8 pitch, r9 first, r10 out, r11 outputs, r12 end */
    mov  r8, r2
    mov  r9, r1
    mov  r10, r3
    mov  r11, r6
    mov  r12, r4

pool:
    load_pool r4, r5
    bne  occupied
    movs r2, #2
    add  r9, r2
    add  r10, r11
    cmp  r10, r12
    bne  pool
    b    row_done

done:
    add  sp, #FRAME
    restore_registers

occupied:
    add  r0, sp, #ROWS
    stmia r0!, {r1, r3, r4, r5}
    mov  r0, r9
    str  r0, [sp, #FIRST]
    mov  r0, r10
    str  r0, [sp, #OUT]
    add  r0, sp, #LANES

windows:                        /* at r0 in LANES: the left one's in r8 - r11, the right one's in r12, lr, r4, r5 */
    str  r0, [sp, #PLACE]
    add  r6, sp, #STARTS        /* one less than they are: as m0plus_pool_pairs wants it */
    ldmia r6!, {r2, r3, r4, r5}
    mov  r8, r2
    mov  r9, r3
    mov  r10, r4
    mov  r11, r5
    mov  r12, r2
    mov  lr, r3
    window_row 0
    window_row 1
    window_row 2
    ldr  r6, [sp, #PLACE]
    store r8, r12, 0
    store r9, lr, 1
    store r10, r4, 2
    store r11, r5, 3
    add  r0, sp, #LANES + 8
    cmp  r0, r6
    beq  pooled
    add  r6, sp, #ROWS + 4      /* the lower windows' rows */
    ldmia r6!, {r1, r2, r3}
    subs r6, #16
    stmia r6!, {r1, r2, r3}
    b    windows

pooled:
    add  r0, sp, #LANES
    ldr  r1, [sp, #OUT]
    ldr  r2, [sp, #POSITIONS]
    adds r2, r2, r1
    ldr  r3, [sp, #SHIFT]
    bl   m0plus_pool_pairs
    add  r0, sp, #FIRST
    ldmia r0!, {r1-r6}
    adds r1, #2
    adds r3, r3, r6
    cmp  r3, r4
    beq  1f
    b    next_pool              /* too far for a condition */
1:  b    row_done
    .size m0plus_pool_rows8_lanes, . - m0plus_pool_rows8_lanes
