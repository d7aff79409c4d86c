/* Accumulators of sixteen, eight or four outputs of a linear layer, from int8 rows of weights, and the work list for them
 * (m0plus.h). Listing takes 14 cycles for an input.
 *
 * Two multiplies make four products: of a word of weights, and of the same word with the bytes of its halves exchanged.
 * A weight enters as w + 128 (its sign bit flipped), so that no byte borrows from the next, and the sums begin at -128
 * times the sum of inputs, which takes that away again. The four sums of products s0..s3 of four weights,
 *     t = s0 + s1 * 2^8 + s2 * 2^16 + s3 * 2^24, r = s1 + s0 * 2^8 + s3 * 2^16 + s2 * 2^24,
 * come apart modulo 2^32 while they fit into int16 at the end of a segment, whatever they were on the way:
 *     t - r * 2^8 = s0 + (s2 - s0) * 2^16,       r - t * 2^8 = s1 + (s3 - s1) * 2^16.
 * 39 cycles for the sixteen products of one input, 2.4 a product, and 163 for a segment. */
#include "registers.inc"

    .syntax unified
    .cpu cortex-m0plus
    .thumb

/* Places in the frame */
    .equ OFFSET, 0
    .equ ACC, 4
    .equ FRAME, 8

    .macro multiply word, t, r
    eors \word, r6
    rev16 r3, \word
    muls \word, r0, \word
    muls r3, r0, r3
    add  \t, \word
    add  \r, r3
    .endm

    .macro add_pair first, second
    ldmia r0!, {r4, r7}
    adds r4, r4, \first
    adds r7, r7, \second
    subs r0, #8
    stmia r0!, {r4, r7}
    .endm

/* The sum in the lower half of `difference`, and what it and the upper half make: lower, upper. */
    .macro part difference, lower
    sxth \lower, \difference
    subs \difference, \difference, \lower
    asrs \difference, \difference, #16
    adds \difference, \difference, \lower
    sxth \difference, \difference
    .endm

/* Adds the four sums of t and r to [r0], which moves on. */
    .macro empty t, r
    mov  r2, \t
    mov  r3, \r
    lsls r5, r3, #8
    subs r5, r2, r5
    lsls r2, r2, #8
    subs r3, r3, r2
    part r5, r2
    part r3, r6
    add_pair r2, r6
    add_pair r5, r3
    .endm

/* Sums: r4 r7, of sixteen outputs r10 r11 and r12 lr, of more than four r8 r9. */
    .macro rows name, outputs
    .balign 4
    .global \name
    .type \name, %function
\name:
    save_registers
    sub  sp, #FRAME
    str  r1, [sp, #OFFSET]
    str  r2, [sp, #ACC]
    mov  r1, r0                 /* work list */
    ldmia r1!, {r0, r5}
    b    3f

1:  ldmia r5!, {r2}             /* an input */
    .if \outputs == 16
    multiply r2, r4, r7
    ldmia r5!, {r2}
    multiply r2, r10, r11
    ldmia r5, {r2, r5}
    multiply r2, r12, lr
    multiply r5, r8, r9
    .elseif \outputs == 8
    ldr  r5, [r5]
    multiply r2, r4, r7
    multiply r5, r8, r9
    .else
    multiply r2, r4, r7
    .endif
2:  ldmia r1!, {r0, r5}
    ldr  r3, [sp, #OFFSET]
    adds r5, r5, r3
    bpl  1b

    ldr  r0, [sp, #ACC]         /* a segment ends */
    empty r4, r7
    .if \outputs == 16
    empty r10, r11
    empty r12, lr
    .endif
    .if \outputs > 4
    empty r8, r9
    .endif
    subs r1, #4
    ldmia r1!, {r5}
3:  lsls r3, r5, #1             /* another one begins */
    beq  4f
    ldr  r6, =0x80808080
    muls r5, r6, r5             /* M0PLUS_SEGMENT, of bit 31, is lost */
    negs r4, r5
    movs r7, r4
    .if \outputs > 4
    mov  r8, r4
    mov  r9, r4
    .endif
    .if \outputs == 16
    mov  r10, r4
    mov  r11, r4
    mov  r12, r4
    mov  lr, r4
    .endif
    b    2b

4:  add  sp, #FRAME
    restore_registers
    .ltorg
    .size \name, . - \name
    .endm

/* void m0plus_rows16(const m0plus_work *work, uintptr_t offset, int32_t *acc) */
    .section .time_critical.engine, "ax"
    rows m0plus_rows16, 16
/* void m0plus_rows8(const m0plus_work *work, uintptr_t offset, int32_t *acc), in flash: for what sixteens leave */
    .section .text.m0plus_rows8, "ax"
    rows m0plus_rows8, 8

/* void m0plus_rows4(const m0plus_work *work, uintptr_t offset, int32_t *acc), in flash, too */
    .section .text.m0plus_rows4, "ax"
    rows m0plus_rows4, 4

/* void m0plus_list_rows(const m0plus_rows *rows, m0plus_work *work) */
    .section .time_critical.engine, "ax"
    .balign 4
    .global m0plus_list_rows
    .type m0plus_list_rows, %function
m0plus_list_rows:
    push {r4-r7, lr}
    movs r3, r1                 /* work list */
    ldmia r0!, {r1, r2, r4, r5, r6}
    mov  r12, r2                /* the inputs' end */
    mov  lr, r4                 /* rows */
    push {r6}                   /* budget */

1:  movs r7, r3                 /* a segment */
    adds r3, #8
    ldr  r6, [sp]
2:  ldmia r1!, {r4}
    uxtb r2, r4
    subs r6, r6, r2
    bmi  3f
    lsrs r4, r4, #8
    muls r4, r5, r4
    add  r4, lr
    stmia r3!, {r2, r4}
    cmp  r1, r12
    bne  2b
    b    4f
3:  adds r6, r6, r2             /* this input begins the next */
    subs r1, #4
4:  ldr  r4, [sp]
    subs r4, r4, r6
    movs r0, #1
    lsls r0, r0, #31            /* M0PLUS_SEGMENT */
    orrs r4, r0
    movs r2, #0
    stmia r7!, {r2, r4}
    cmp  r1, r12
    bne  1b

    stmia r3!, {r2}
    str  r0, [r3]
    add  sp, #4
    pop  {r4-r7, pc}
    .size m0plus_list_rows, . - m0plus_list_rows
