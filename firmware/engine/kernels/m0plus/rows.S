/* Accumulators of sixteen or eight outputs of a linear layer, from int8 rows of weights (m0plus.h).
 *
 * Two multiplies make four products: of a word of weights, and of the same word with the bytes of its halves exchanged.
 * A weight enters as w + 128 (its sign bit flipped), so that the four sums of products s0..s3 stay in 0..65535 while the
 * sum of inputs is at most 257, and come apart modulo 2^32:
 *     t = s0 + s1 * 2^8 + s2 * 2^16 + s3 * 2^24, r = s1 + s0 * 2^8 + s3 * 2^16 + s2 * 2^24:
 *     t - r * 2^8 = s0 + (s2 - s0) * 2^16,       r - t * 2^8 = s1 + (s3 - s1) * 2^16.
 * The list says when to add them to the int32 accumulators, and the caller takes 128 times the sum of inputs away. 40
 * cycles for the sixteen products of one input, 2.5 a product.
 *
 * Work list: {x, row}: sums += x * (row[] + 128), 0 < x <= 127; {0, 1}: empties the sums into acc[]; {0, 0}: the same, and
 * ends. `offset` bytes are added to every row, which must then be 4-byte aligned. */
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

/* The four sums of t and r to [r0], which moves on. */
    .macro empty t, r
    mov  r2, \t
    mov  r3, \r
    lsls r5, r3, #8
    subs r5, r2, r5
    lsls r2, r2, #8
    subs r3, r3, r2
    uxth r2, r5                 /* s0 */
    uxth r6, r3                 /* s1 */
    lsrs r5, r5, #16
    adds r5, r5, r2
    uxth r5, r5                 /* s2 */
    lsrs r3, r3, #16
    adds r3, r3, r6
    uxth r3, r3                 /* s3 */
    add_pair r2, r6
    add_pair r5, r3
    .endm

/* Sums: r4 r7, of sixteen outputs r10 r11 and r12 lr, r8 r9. */
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
    b    3f

1:  ldr  r3, [sp, #OFFSET]
    adds r5, r5, r3
    .if \outputs == 16
    ldmia r5!, {r2}
    multiply r2, r4, r7
    ldmia r5!, {r2}
    multiply r2, r10, r11
    ldmia r5, {r2, r5}
    multiply r2, r12, lr
    .else
    ldmia r5, {r2, r5}
    multiply r2, r4, r7
    .endif
    multiply r5, r8, r9
2:  ldmia r1!, {r0, r5}
    cmp  r0, #0
    bne  1b

    ldr  r0, [sp, #ACC]
    empty r4, r7
    .if \outputs == 16
    empty r10, r11
    empty r12, lr
    .endif
    empty r8, r9
    subs r1, #4
    ldmia r1!, {r5}
    cmp  r5, #0
    beq  4f
3:  ldr  r6, =0x80808080
    movs r4, #0
    movs r7, #0
    mov  r8, r4
    mov  r9, r4
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
