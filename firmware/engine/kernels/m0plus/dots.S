/* Errors of four inputs at a time: sums of products of non-zero deltas and effective weights (m0plus.h). 21.5 cycles for
 * the four products of a delta. */
    .syntax unified
    .cpu cortex-m0plus
    .thumb
    .section .time_critical.engine, "ax"

    .macro multiply row, sum
    ldrsb r3, [\row, r1]
    muls r3, r2, r3
    add  \sum, r3
    .endm

    .macro multiply_delta
    ldmia r0!, {r1}             /* index * 256 + delta */
    sxtb r2, r1
    lsrs r1, r1, #8
    multiply r4, r8
    multiply r5, r9
    multiply r6, r10
    multiply r7, r11
    .endm

/* void m0plus_dot4(const m0plus_segment *segments, const int8_t *const rows[4], int32_t sums[4]) */
    .balign 4
    .global m0plus_dot4
    .type m0plus_dot4, %function
m0plus_dot4:
    push {r4-r7, lr}
    mov  r4, r8
    mov  r5, r9
    mov  r6, r10
    mov  r7, r11
    push {r2, r4-r7}
    mov  lr, r0                 /* lr segments, r12 end of one, r4-r7 rows, r8-r11 sums */
    ldmia r1!, {r4, r5, r6, r7}
    movs r3, #0
    mov  r8, r3
    mov  r9, r3
    mov  r10, r3
    mov  r11, r3
    b    segment

1:  multiply_delta
2:  multiply_delta
    cmp  r0, r12
    bne  1b
    mov  r3, lr                 /* the rows as they were: less the last segment's tap */
    subs r3, #4
    ldr  r3, [r3]
    subs r4, r4, r3
    subs r5, r5, r3
    subs r6, r6, r3
    subs r7, r7, r3
segment:
    mov  r3, lr
    ldmia r3!, {r0, r1, r2}
    mov  lr, r3
    cmp  r0, #0
    beq  3f
    adds r4, r4, r2
    adds r5, r5, r2
    adds r6, r6, r2
    adds r7, r7, r2
    mov  r12, r1
    subs r1, r1, r0
    lsls r1, r1, #29            /* of four bytes a delta: an odd number? */
    bmi  2b
    b    1b

3:  pop  {r0}
    mov  r4, r8
    mov  r5, r9
    mov  r6, r10
    mov  r7, r11
    stmia r0!, {r4, r5, r6, r7}
    pop  {r4-r7}
    mov  r8, r4
    mov  r9, r5
    mov  r10, r6
    mov  r11, r7
    pop  {r4-r7, pc}
    .size m0plus_dot4, . - m0plus_dot4
