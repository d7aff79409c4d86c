/* Updates the scores of one input's row from its non-zero deltas (kernels.h, update_scores; docs/arithmetic.md, "Backward"):
 * S = C(S - C(R(d * x * W))). 12 cycles for a gradient too small to change a score, 35 for one that is not. */
    .syntax unified
    .cpu cortex-m0plus
    .thumb
    .section .time_critical.engine, "ax"

    /* engine_score_row */
    .equ WEIGHTS, 0
    .equ SCORES, 4
    .equ EFFECTIVE, 8
    .equ HALF, 12
    .equ SHIFT, 16
    .equ THRESHOLD, 20
    .equ NEGLIGIBLE, 24
    .equ BELOW_FACTOR, 28

    /* C of \value, by way of \value + 127 in 0..254 */
    .macro clamp value
    adds \value, #127
    cmp  \value, #254
    bls  2f
    cmp  \value, #0             /* signed: above or below */
    bgt  1f
    movs \value, #0
    b    2f
1:  movs \value, #254
2:  subs \value, #127
    .endm

/* void m0plus_update_scores(const engine_score_row *row, int32_t x, const engine_sparse_delta *deltas,
 *                           const engine_sparse_delta *end) */
    .balign 4
    .global m0plus_update_scores
    .type m0plus_update_scores, %function
m0plus_update_scores:
    push {r4-r7, lr}
    mov  r4, r8
    mov  r5, r9
    mov  r6, r10
    mov  r7, r11
    push {r4-r7}
    mov  lr, r0                 /* lr row, r12 threshold, r10 end */
    mov  r10, r3
    ldr  r3, [r0, #NEGLIGIBLE]
    mov  r8, r3                 /* r8 negligible, r9 twice that, r11 half */
    lsls r3, r3, #1
    mov  r9, r3
    ldr  r3, [r0, #HALF]
    mov  r11, r3
    ldr  r3, [r0, #THRESHOLD]
    mov  r12, r3
    ldr  r6, [r0, #WEIGHTS]
    ldr  r7, [r0, #SHIFT]
    mov  r4, r1                 /* r4 x */
    ldr  r1, [r0, #SCORES]
    mov  r0, r2                 /* r0 deltas */
    cmp  r0, r10
    bhs  done

next_delta:
    ldmia r0!, {r2, r3}         /* r2 output, r3 delta, then gradient, step, score */
    muls r3, r4, r3
    mov  r5, r8
    adds r5, r5, r3
    cmp  r5, r9                 /* |gradient| <= negligible, unsigned */
    bls  continue
    ldrsb r5, [r6, r2]
    muls r3, r5, r3
    add  r3, r11
    asrs r3, r7
    beq  continue
    clamp r3
    ldrsb r5, [r1, r2]          /* the old score */
    subs r3, r5, r3
    clamp r3
    strb r3, [r1, r2]
    cmp  r5, r12
    blt  was_below
    cmp  r3, r12
    blt  crossed
continue:
    cmp  r0, r10
    blo  next_delta

done:
    pop  {r4-r7}
    mov  r8, r4
    mov  r9, r5
    mov  r10, r6
    mov  r11, r7
    pop  {r4-r7, pc}

was_below:
    cmp  r3, r12
    blt  continue
crossed:                        /* about one in two hundred */
    ldrsb r5, [r6, r2]
    cmp  r3, r12
    mov  r3, lr
    bge  kept
    ldr  r3, [r3, #BELOW_FACTOR]
    muls r5, r3, r5
    mov  r3, lr
kept:
    ldr  r3, [r3, #EFFECTIVE]
    cmp  r3, #0
    beq  continue
    strb r5, [r3, r2]
    b    continue
    .size m0plus_update_scores, . - m0plus_update_scores
