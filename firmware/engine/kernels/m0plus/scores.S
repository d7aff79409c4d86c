/* Score updates (docs/arithmetic.md, "Backward"): S = C(S - C(R(gradient * W))), and the effective weights that cross the
 * threshold. The fast path is for what is most likely: the score was and stays at least the threshold. */
#include "registers.inc"

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
    .equ BELOW_FACTOR, 28

    /* r2 edge, r3 gradient, r6 weights, r7 shift, r11 half: r3 the step; to \unchanged when it is 0. 7 cycles. */
    .macro step unchanged
    ldrsb r5, [r6, r2]
    muls r3, r5, r3
    add  r3, r11
    asrs r3, r7
    beq  \unchanged
    .endm

    /* r1 scores, r2 edge, r3 step, r12 threshold. The score of edge r2; to \seldom with r5 the old score and r3 the step
     * where more is to be seen to. 13 cycles. `tag` names its labels; with `clamped` the step may lie beyond
     * -127..127. */
    .macro apply tag, clamped, seldom
    .if \clamped
    adds r3, #127
    cmp  r3, #254
    bhi  clamp_\tag
clamped_\tag:
    subs r3, #127
    .endif
    ldrsb r5, [r1, r2]
    cmp  r5, r12
    blt  \seldom
    subs r5, r5, r3
    cmp  r5, r12
    blt  undo_\tag
    cmp  r5, #127
    bgt  undo_\tag
    strb r5, [r1, r2]
    .endm

    .macro update tag, clamped, unchanged, seldom
    step \unchanged
    apply \tag, \clamped, \seldom
    .endm

    /* Out of line, for an `apply`: C of the step, which came as step + 127; the old score again. */
    .macro apply_seldom tag, clamped, seldom
    .if \clamped
clamp_\tag:
    cmp  r3, #0                 /* signed: above or below */
    blt  1f
    movs r3, #254
    b    clamped_\tag
1:  movs r3, #0
    b    clamped_\tag
    .endif
undo_\tag:
    adds r5, r5, r3
    b    \seldom
    .endm

    /* r5 the old score, r3 the step: r3 the new score, stored; to \same unless it crosses the threshold. */
    .macro store_score same
    subs r3, r5, r3
    cmp  r3, #127
    ble  1f
    movs r3, #127
1:  adds r3, #127
    bpl  2f
    movs r3, #0
2:  subs r3, #127
    strb r3, [r1, r2]
    cmp  r5, r12
    blt  3f
    cmp  r3, r12
    bge  \same
    b    4f
3:  cmp  r3, r12
    blt  \same
4:
    .endm

    /* r5 = the effective weight of edge r2 with score r3, \row the engine_score_row */
    .macro effective_weight row
    ldrsb r5, [r6, r2]
    cmp  r3, r12
    bge  1f
    mov  r3, \row
    ldr  r3, [r3, #BELOW_FACTOR]
    muls r5, r3, r5
1:
    .endm

    /* m0plus_score_rows; the row of input 0 comes first */
    .equ OUTPUTS, 32
    .equ SMALLEST, 36
    .equ INPUTS, 40
    .equ INPUTS_END, 44
    .equ DELTAS, 48
    .equ DELTAS_END, 52
    .equ STEPS_FIT, 56

    /* The rows of all inputs: lr the struct, r0 delta, r4 x, r8 input, r9 its end, r10 deltas' end. Two deltas a round. */
    .macro score_rows clamped
next_row_\clamped:
    mov  r0, r8
    cmp  r0, r9
    bhs  done
    ldmia r0!, {r1}
    mov  r8, r0
    sxtb r4, r1
    asrs r2, r4, #31
    movs r3, r4
    eors r3, r2
    subs r3, r3, r2             /* |x| */
    mov  r0, lr
    ldr  r2, [r0, #SMALLEST]
    cmp  r3, r2
    blt  next_row_\clamped
    ldr  r2, [r0, #OUTPUTS]
    lsrs r1, r1, #8
    muls r2, r1, r2
    ldr  r6, [r0, #WEIGHTS]
    adds r6, r6, r2
    ldr  r1, [r0, #SCORES]
    adds r1, r1, r2
    ldr  r0, [r0, #DELTAS]
resume_\clamped:
    mov  r2, r10
    subs r2, r2, r0
    beq  next_row_\clamped
    lsls r2, r2, #28            /* of eight bytes a delta: an odd number left? */
    bmi  odd_\clamped

even_\clamped:
    ldmia r0!, {r2, r3}
    muls r3, r4, r3
    update even_\clamped, \clamped, odd_\clamped, seldom_\clamped
odd_\clamped:
    ldmia r0!, {r2, r3}
    muls r3, r4, r3
    update odd_\clamped, \clamped, 8f, seldom_\clamped
8:  cmp  r0, r10
    blo  even_\clamped
    b    next_row_\clamped

    apply_seldom even_\clamped, \clamped, seldom_\clamped
    apply_seldom odd_\clamped, \clamped, seldom_\clamped
seldom_\clamped:
    store_score resume_\clamped
    effective_weight lr
    mov  r3, lr
    ldr  r3, [r3, #EFFECTIVE]
    cmp  r3, #0
    beq  resume_\clamped
    adds r3, r3, r1             /* the row's lies as far from the first as the scores' */
    adds r3, r3, r2
    mov  r2, lr
    ldr  r2, [r2, #SCORES]
    subs r3, r3, r2
    strb r5, [r3]
    b    resume_\clamped
    .endm

/* void m0plus_update_score_rows(const m0plus_score_rows *rows)
 * 22 cycles for a score that changes, 12 for one that does not. */
    .balign 4
    .global m0plus_update_score_rows
    .type m0plus_update_score_rows, %function
m0plus_update_score_rows:
    save_registers
    mov  lr, r0
    ldr  r1, [r0, #INPUTS]
    mov  r8, r1
    ldr  r1, [r0, #INPUTS_END]
    mov  r9, r1
    ldr  r1, [r0, #DELTAS_END]
    mov  r10, r1
    ldr  r1, [r0, #HALF]
    mov  r11, r1
    ldr  r1, [r0, #THRESHOLD]
    mov  r12, r1
    ldr  r7, [r0, #SHIFT]
    ldr  r1, [r0, #STEPS_FIT]
    cmp  r1, #0
    beq  next_row_1
    score_rows 0
done:
    restore_registers
    score_rows 1
    .size m0plus_update_score_rows, . - m0plus_update_score_rows

/* bool m0plus_update_channel_scores(const engine_score_row *row, const int32_t *gradient, uint32_t count, uint32_t pitch)
 * 27 cycles for a score that changes, 16 for one that does not. */
    .balign 4
    .global m0plus_update_channel_scores
    .type m0plus_update_channel_scores, %function
m0plus_update_channel_scores:
    save_registers
    mov  lr, r0                 /* lr row, r10 end, r9 pitch, r8 crossed */
    lsls r2, r2, #2
    adds r2, r2, r1
    mov  r10, r2
    mov  r9, r3
    ldr  r3, [r0, #HALF]
    mov  r11, r3
    ldr  r3, [r0, #THRESHOLD]
    mov  r12, r3
    ldr  r6, [r0, #WEIGHTS]
    ldr  r7, [r0, #SHIFT]
    movs r2, #0                 /* r2 edge, r0 gradients, r1 scores */
    mov  r8, r2
    mov  r4, r0
    mov  r0, r1
    ldr  r1, [r4, #SCORES]
    b    next_edge

edge:
    ldmia r0!, {r3}
    update channel, 1, unchanged, seldom_channel
unchanged:
    adds r2, #1
next_edge:
    cmp  r0, r10
    blo  edge
    mov  r0, r8
    restore_registers

    apply_seldom channel, 1, seldom_channel
seldom_channel:
    store_score unchanged
    effective_weight lr
    mov  r4, r9
    muls r4, r2, r4
    mov  r3, lr
    ldr  r3, [r3, #EFFECTIVE]
    strb r5, [r3, r4]
    movs r4, #1
    mov  r8, r4
    b    unchanged
    .size m0plus_update_channel_scores, . - m0plus_update_channel_scores

    /* m0plus_scored_groups */
    .equ STARTS, 32
    .equ INDICES, 36
    .equ GROUP_PITCH, 40
    .equ EDGE_PITCH, 44
    .equ FACTORS, 48
    .equ SMALLEST_SQUARED, 52
    .equ GROUP_INPUTS, 56
    .equ GROUP_INPUTS_END, 60

/* bool m0plus_update_scored_groups(const m0plus_scored_groups *scored)
 * 34 cycles for a group; 35 for a score that changes, 12 where the factor is 0, else 19 for one that does not. */
    .balign 4
    .global m0plus_update_scored_groups
    .type m0plus_update_scored_groups, %function
m0plus_update_scored_groups:
    save_registers
    movs r1, #0
    push {r0, r1}               /* the struct, crossed */
    mov  r5, r0                 /* r0 factors, r1 indices (again in lr), r2 entry, r4 x, r5 the struct between groups */
    ldr  r1, [r5, #GROUP_INPUTS]
    mov  r8, r1                 /* r8 input, r9 entries' end, r10 scores */
    ldr  r1, [r5, #SCORES]
    mov  r10, r1
    ldr  r1, [r5, #HALF]
    mov  r11, r1
    ldr  r1, [r5, #THRESHOLD]
    mov  r12, r1
    ldr  r1, [r5, #INDICES]
    mov  lr, r1
    ldr  r6, [r5, #WEIGHTS]
    ldr  r7, [r5, #SHIFT]
    ldr  r0, [r5, #FACTORS]

next_group:
    ldr  r5, [sp]
    mov  r3, r8
    ldr  r1, [r5, #GROUP_INPUTS_END]
    cmp  r3, r1
    bhs  groups_done
    ldmia r3!, {r2}
    mov  r8, r3
    sxtb r4, r2
    movs r3, r4
    muls r3, r4, r3
    ldr  r1, [r5, #SMALLEST_SQUARED]
    cmp  r3, r1
    blo  next_group
    lsrs r2, r2, #8
    lsls r2, r2, #1
    ldr  r3, [r5, #STARTS]
    adds r3, r3, r2
    ldrh r2, [r3]
    ldrh r3, [r3, #2]
    mov  r9, r3
    mov  r1, lr
    cmp  r2, r3
    bhs  next_group

entry:
    ldrb r3, [r1, r2]
    lsls r3, r3, #2
    ldr  r3, [r0, r3]
    muls r3, r4, r3
    beq  next_entry
    step next_entry
    mov  r1, r10
    apply entry, 1, seldom_entry
entry_done:
    mov  r1, lr
next_entry:
    adds r2, #1
    cmp  r2, r9
    blo  entry
    b    next_group

groups_done:
    pop  {r1}
    pop  {r0}
    restore_registers

    apply_seldom entry, 1, seldom_entry
seldom_entry:
    store_score entry_done
    ldr  r4, [sp]
    effective_weight r4
    ldr  r3, [r4, #EFFECTIVE]
    cmp  r3, #0
    beq  1f
    mov  r1, r8
    subs r1, #4
    ldr  r0, [r1]               /* group << 8 | x */
    lsrs r0, r0, #8
    ldr  r1, [r4, #GROUP_PITCH]
    muls r0, r1, r0
    adds r3, r3, r0
    mov  r0, lr
    ldrb r0, [r0, r2]
    ldr  r1, [r4, #EDGE_PITCH]
    muls r0, r1, r0
    strb r5, [r3, r0]
    movs r1, #1
    str  r1, [sp, #4]
1:  ldr  r0, [r4, #FACTORS]
    mov  r1, r8
    subs r1, #4
    ldrb r4, [r1]
    sxtb r4, r4
    b    entry_done
    .size m0plus_update_scored_groups, . - m0plus_update_scored_groups
