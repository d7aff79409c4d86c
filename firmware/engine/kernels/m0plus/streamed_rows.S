/* What streamed convolutions do weight by weight and delta by delta (m0plus.h). */
#include "registers.inc"

    .syntax unified
    .cpu cortex-m0plus
    .thumb
    .section .time_critical.engine, "ax"

    /* Four weights, a word, into two words of two. */
    .macro unpack four
    sxtb r6, \four
    lsls r7, \four, #16
    asrs r7, r7, #24
    lsls r7, r7, #16
    adds r6, r6, r7
    asrs r7, \four, #24
    lsls r7, r7, #16
    lsls \four, \four, #8
    asrs \four, \four, #24
    adds r7, r7, \four
    stmia r1!, {r6, r7}
    .endm

/* void m0plus_unpack_row(const int8_t *row, uint32_t *to, uint32_t groups, uint32_t step)
 * 3.8 cycles a weight. */
    .balign 4
    .global m0plus_unpack_row
    .type m0plus_unpack_row, %function
m0plus_unpack_row:
    push {r4-r7, lr}
1:  ldmia r0!, {r4, r5}
    unpack r4
    unpack r5
    ldmia r0!, {r4, r5}
    unpack r4
    unpack r5
    adds r1, r1, r3
    subs r2, r2, #1
    bne  1b
    pop  {r4-r7, pc}
    .size m0plus_unpack_row, . - m0plus_unpack_row

    /* m0plus_scored_row */
    .equ INDICES, 0
    .equ INDICES_END, 4
    .equ LISTS, 8
    .equ PITCH, 12
    .equ MAP, 16
    .equ NEGLIGIBLE, 20

    /* Two elements, place + delta * 2^24 each; the first is 0 at the end. */
    .macro add_deltas
    ldmia r1!, {r2, r3}
    asrs r7, r2, #24
    beq  2f
    uxth r2, r2
    ldrb r2, [r0, r2]
    muls r2, r7, r2
    adds r4, r4, r2
    asrs r7, r3, #24
    uxth r3, r3
    ldrb r3, [r0, r3]
    muls r3, r7, r3
    adds r4, r4, r3
    .endm

/* m0plus_row_gradient *m0plus_row_gradients(const m0plus_scored_row *row, m0plus_row_gradient *gradients)
 * 24 cycles an entry, 8.3 a delta of its output. */
    .balign 4
    .global m0plus_row_gradients
    .type m0plus_row_gradients, %function
m0plus_row_gradients:
    save_registers
    movs r6, r1                 /* r6 gradients, r5 indices, r12 lists, r8 their pitch, r9 indices' end */
    ldr  r5, [r0, #INDICES]
    ldr  r1, [r0, #INDICES_END]
    mov  r9, r1
    ldr  r7, [r0, #LISTS]
    mov  r12, r7
    ldr  r1, [r0, #PITCH]
    mov  r8, r1
    ldr  r1, [r0, #NEGLIGIBLE]
    mov  r10, r1                /* r10 negligible, r11 twice as much */
    lsls r1, r1, #1
    mov  r11, r1
    ldr  r0, [r0, #MAP]
1:  ldrb r1, [r5]
    adds r5, #1
    mov  r2, r8
    muls r1, r2, r1
    add  r1, r12
    movs r4, #0
3:  add_deltas
    add_deltas
    add_deltas
    add_deltas
    b    3b
2:  mov  r2, r10
    adds r2, r2, r4
    cmp  r2, r11
    bls  4f
    stmia r6!, {r4, r5}
4:  cmp  r5, r9
    blo  1b
    movs r0, r6
    restore_registers
    .size m0plus_row_gradients, . - m0plus_row_gradients
