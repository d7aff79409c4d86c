/* Gradients of one output channel of a convolution: its deltas, each times the inputs of its window in the padded copy of
 * the map (m0plus.h). Inputs are bytes in 0..127. */
    .syntax unified
    .cpu cortex-m0plus
    .thumb
    .section .time_critical.engine, "ax"

    .macro save_high
    push {r4-r7, lr}
    mov  r4, r8
    mov  r5, r9
    mov  r6, r10
    mov  r7, r11
    push {r4-r7}
    .endm

    .macro restore_high
    pop  {r4-r7}
    mov  r8, r4
    mov  r9, r5
    mov  r10, r6
    mov  r11, r7
    pop  {r4-r7, pc}
    .endm

    /* the accumulators r6 r7 r8 r9 r10 r11 r12 lr */
    .macro clear_accumulators
    movs r6, #0
    movs r7, #0
    mov  r8, r6
    mov  r9, r6
    mov  r10, r6
    mov  r11, r6
    mov  r12, r6
    mov  lr, r6
    .endm

    /* \accumulators += r1 * the bytes of \word, lowest first; uses r4 */
    .macro multiply_word word, a, b, c, d
    uxtb r4, \word
    lsrs \word, \word, #8
    muls r4, r1, r4
    add  \a, r4
    uxtb r4, \word
    lsrs \word, \word, #8
    muls r4, r1, r4
    add  \b, r4
    uxtb r4, \word
    lsrs \word, \word, #8
    muls r4, r1, r4
    add  \c, r4
    muls \word, r1, \word
    add  \d, \word
    .endm

/* void m0plus_correlate8(const m0plus_work *work, uintptr_t offset, uint32_t groups, int32_t *gradient)
 * 46 cycles for eight products, 15 where all eight inputs are zero. */
    .balign 4
    .global m0plus_correlate8
    .type m0plus_correlate8, %function
m0plus_correlate8:
    save_high
    push {r0, r2, r3}           /* the work list, groups to do, where the next group's gradients go */
    mov  r5, r1                 /* r0 work list, r1 delta, r5 offset */
    clear_accumulators
    b    2f

1:  adds r2, r2, r5
    ldr  r3, [r2, #4]
    ldr  r2, [r2]
    movs r4, r2
    orrs r4, r3
    beq  2f
    multiply_word r2, r6, r7, r8, r9
    multiply_word r3, r10, r11, r12, lr
2:  ldmia r0!, {r1, r2}
    cmp  r1, #0
    bne  1b

    ldr  r0, [sp, #8]
    mov  r1, r8
    mov  r2, r9
    stmia r0!, {r6, r7}
    stmia r0!, {r1, r2}
    mov  r1, r10
    mov  r2, r11
    mov  r3, r12
    mov  r4, lr
    stmia r0!, {r1, r2, r3, r4}
    str  r0, [sp, #8]
    adds r5, #8
    clear_accumulators
    ldr  r0, [sp]
    ldr  r1, [sp, #4]
    subs r1, r1, #1
    str  r1, [sp, #4]
    bne  2b
    add  sp, #12
    restore_high
    .size m0plus_correlate8, . - m0plus_correlate8

/* void m0plus_correlate9(const m0plus_work *work, uint32_t pitch, int32_t *gradient)
 * 46 cycles for nine products. */
    .macro multiply_byte offset, accumulator
    ldrb r3, [r2, #\offset]
    muls r3, r1, r3
    add  \accumulator, r3
    .endm

    .balign 4
    .global m0plus_correlate9
    .type m0plus_correlate9, %function
m0plus_correlate9:
    save_high
    push {r2}
    mov  r4, r1                 /* r0 work list, r1 delta, r2 place, r4 pitch; r5 is the ninth accumulator */
    clear_accumulators
    movs r5, #0
    b    2f

1:  multiply_byte 0, r5
    multiply_byte 1, r6
    multiply_byte 2, r7
    adds r2, r2, r4
    multiply_byte 0, r8
    multiply_byte 1, r9
    multiply_byte 2, r10
    adds r2, r2, r4
    multiply_byte 0, r11
    multiply_byte 1, r12
    multiply_byte 2, lr
2:  ldmia r0!, {r1, r2}
    cmp  r1, #0
    bne  1b

    pop  {r0}
    stmia r0!, {r5, r6, r7}
    mov  r1, r8
    mov  r2, r9
    mov  r3, r10
    mov  r4, r11
    mov  r5, r12
    mov  r6, lr
    stmia r0!, {r1, r2, r3, r4, r5, r6}
    restore_high
    .size m0plus_correlate9, . - m0plus_correlate9
