/* Gradients of one output channel of a convolution: its deltas, each times the inputs of its window in the padded copy of
 * the map (m0plus.h). Inputs are bytes in 0..127. */
#include "registers.inc"

    .syntax unified
    .cpu cortex-m0plus
    .thumb
    .section .time_critical.engine, "ax"

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

    /* m0plus_delta_lists, its windows first */
    .equ DELTAS, 16
    .equ POSITIONS, 20
    .equ ROWS, 24
    .equ ROW_BYTES, 28
    .equ PIXEL_BYTES, 32
    .equ PIXEL_STEP, 36
    .equ ROW_STEP, 40
    .equ LISTS, 44

    /* r0 delta, r1 the deltas left of its word, r4 place << 8, r5 from deltas to positions or 0, r7 the struct, \tail where
     * the list goes on. Uses r2, r3, r6. */
    .macro list_delta tail
    lsls r2, r1, #24
    beq  9f
    lsrs r2, r2, #24
    cmp  r5, #0
    beq  8f
    ldrb r3, [r0, r5]
    lsls r3, r3, #2
    ldr  r3, [r7, r3]
    adds r2, r2, r3
8:  adds r2, r2, r4
    mov  r6, \tail
    stmia r6!, {r2}
    mov  \tail, r6
9:
    .endm

/* void m0plus_list_deltas4(const m0plus_delta_lists *lists)
 * 12 cycles for a pixel without deltas, else some 32 and 15 for a delta. */
    .balign 4
    .global m0plus_list_deltas4
    .type m0plus_list_deltas4, %function
m0plus_list_deltas4:
    save_registers
    mov  r7, r0
    ldr  r0, [r7, #PIXEL_BYTES]
    mov  r12, r0
    ldr  r0, [r7, #PIXEL_STEP]
    mov  lr, r0
    movs r0, r7
    adds r0, #LISTS
    ldmia r0!, {r1, r2, r3, r4}
    mov  r8, r1
    mov  r9, r2
    mov  r10, r3
    mov  r11, r4
    ldr  r0, [r7, #DELTAS]
    ldr  r5, [r7, #POSITIONS]
    cmp  r5, #0
    beq  1f
    subs r5, r5, r0
1:  ldr  r4, [r7, #ROWS]
    push {r3, r4}               /* the row's end, rows left */
    movs r4, #0
delta_row:
    ldr  r3, [r7, #ROW_BYTES]
    adds r3, r0, r3
    str  r3, [sp]
delta_pixel:
    ldr  r1, [r0]
    cmp  r1, #0
    beq  no_delta
    list_delta r8
    lsrs r1, r1, #8
    adds r0, #1
    list_delta r9
    lsrs r1, r1, #8
    adds r0, #1
    list_delta r10
    lsrs r1, r1, #8
    adds r0, #1
    list_delta r11
    subs r0, #3
no_delta:
    add  r0, r12
    add  r4, lr
    ldr  r3, [sp]
    cmp  r0, r3
    blo  delta_pixel
    ldr  r3, [r7, #ROW_STEP]
    adds r4, r4, r3
    ldr  r3, [sp, #4]
    subs r3, r3, #1
    str  r3, [sp, #4]
    bne  delta_row
    mov  r0, r8
    str  r3, [r0]
    mov  r0, r9
    str  r3, [r0]
    mov  r0, r10
    str  r3, [r0]
    mov  r0, r11
    str  r3, [r0]
    add  sp, #8
    restore_registers
    .size m0plus_list_deltas4, . - m0plus_list_deltas4

/* void m0plus_correlate8(const sparse_element *deltas, uintptr_t map, uint32_t groups, int32_t *gradient)
 * 47 cycles for eight products, 16 where all eight inputs are zero. */
    .balign 4
    .global m0plus_correlate8
    .type m0plus_correlate8, %function
m0plus_correlate8:
    save_registers
    push {r0, r2, r3}           /* the list, groups to do, where the next group's gradients go */
    mov  r5, r1                 /* r0 list, r1 delta, r5 map */
    clear_accumulators
    b    2f

1:  sxtb r1, r2
    lsrs r2, r2, #8
    adds r2, r2, r5
    ldr  r3, [r2, #4]
    ldr  r2, [r2]
    movs r4, r2
    orrs r4, r3
    beq  2f
    multiply_word r2, r6, r7, r8, r9
    multiply_word r3, r10, r11, r12, lr
2:  ldmia r0!, {r2}
    cmp  r2, #0
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
    restore_registers
    .size m0plus_correlate8, . - m0plus_correlate8

    /* Four gradients from two pairs, the bytes 0 and 2 in \even, 1 and 3 in \odd. */
    .macro store_pairs even, odd
    mov  r3, \even
    sxth r1, r3
    subs r3, r3, r1
    asrs r3, r3, #16
    mov  r4, \odd
    sxth r2, r4
    subs r4, r4, r2
    asrs r4, r4, #16
    stmia r0!, {r1, r2, r3, r4}
    .endm

/* void m0plus_correlate8_lanes(const sparse_element *deltas, uintptr_t map, uint32_t groups, int32_t *gradient)
 * 25 cycles for eight products. */
    .balign 4
    .global m0plus_correlate8_lanes
    .type m0plus_correlate8_lanes, %function
m0plus_correlate8_lanes:
    save_registers
    push {r0, r2, r3}           /* the list, groups to do, where the next group's gradients go */
    mov  r5, r1                 /* r0 list, r1 delta, r5 map, r6 mask of two lanes, r7 zero, r8-r11 pairs of gradients */
    ldr  r6, lanes
    movs r7, #0
3:  mov  r8, r7
    mov  r9, r7
    mov  r10, r7
    mov  r11, r7
    ldr  r0, [sp]
    b    2f

1:  sxtb r1, r2
    lsrs r2, r2, #8
    adds r2, r2, r5
    ldmia r2, {r2, r3}
    lsrs r4, r2, #8
    ands r2, r6
    ands r4, r6
    muls r2, r1, r2
    muls r4, r1, r4
    add  r8, r2
    add  r9, r4
    lsrs r4, r3, #8
    ands r3, r6
    ands r4, r6
    muls r3, r1, r3
    muls r4, r1, r4
    add  r10, r3
    add  r11, r4
2:  ldmia r0!, {r2}
    cmp  r2, #0
    bne  1b

    ldr  r0, [sp, #8]
    store_pairs r8, r9
    store_pairs r10, r11
    str  r0, [sp, #8]
    adds r5, #8
    ldr  r1, [sp, #4]
    subs r1, r1, #1
    str  r1, [sp, #4]
    bne  3b
    add  sp, #12
    restore_registers
    .balign 4
lanes:
    .word 0x00ff00ff
    .size m0plus_correlate8_lanes, . - m0plus_correlate8_lanes

/* void m0plus_correlate9(const sparse_element *deltas, uintptr_t map, uint32_t pitch, int32_t *gradient)
 * 50 cycles for nine products. */
    .macro multiply_byte offset, accumulator
    ldrb r3, [r2, #\offset]
    muls r3, r1, r3
    add  \accumulator, r3
    .endm

    .balign 4
    .global m0plus_correlate9
    .type m0plus_correlate9, %function
m0plus_correlate9:
    save_registers
    push {r1, r3}               /* map, gradients */
    mov  r4, r2                 /* r0 list, r1 delta, r2 place, r4 pitch; r5 is the ninth accumulator */
    clear_accumulators
    movs r5, #0
    b    2f

1:  sxtb r1, r2
    lsrs r2, r2, #8
    ldr  r3, [sp]
    adds r2, r2, r3
    multiply_byte 0, r5
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
2:  ldmia r0!, {r2}
    cmp  r2, #0
    bne  1b

    pop  {r0, r1}
    mov  r0, r1
    stmia r0!, {r5, r6, r7}
    mov  r1, r8
    mov  r2, r9
    mov  r3, r10
    mov  r4, r11
    mov  r5, r12
    mov  r6, lr
    stmia r0!, {r1, r2, r3, r4, r5, r6}
    restore_registers
    .size m0plus_correlate9, . - m0plus_correlate9

/* void m0plus_correlate5(const sparse_element *deltas, uintptr_t map, uint32_t groups, int32_t *gradient)
 * 32 cycles for five products. In flash: for maps of few channels. */
    .section .text.m0plus_correlate5, "ax"
    .balign 4
    .global m0plus_correlate5
    .type m0plus_correlate5, %function
m0plus_correlate5:
    save_registers
    mov  r10, r0
    mov  r11, r2                /* groups to do */
    mov  r12, r3                /* where the next group's gradients go */
    mov  r8, r1                 /* r0 list, r1 delta, r2 place, r8 map */
3:  movs r4, #0
    movs r5, #0
    movs r6, #0
    movs r7, #0
    mov  r9, r4
    mov  r0, r10
    b    2f

1:  sxtb r1, r2
    lsrs r2, r2, #8
    add  r2, r8
    ldrb r3, [r2, #0]
    muls r3, r1, r3
    adds r4, r4, r3
    ldrb r3, [r2, #1]
    muls r3, r1, r3
    adds r5, r5, r3
    ldrb r3, [r2, #2]
    muls r3, r1, r3
    adds r6, r6, r3
    ldrb r3, [r2, #3]
    muls r3, r1, r3
    adds r7, r7, r3
    multiply_byte 4, r9
2:  ldmia r0!, {r2}
    cmp  r2, #0
    bne  1b

    mov  r0, r12
    mov  r3, r9
    stmia r0!, {r4, r5, r6, r7}
    stmia r0!, {r3}
    mov  r12, r0
    movs r0, #5
    add  r8, r0
    mov  r0, r11
    subs r0, r0, #1
    mov  r11, r0
    bne  3b
    restore_registers
    .size m0plus_correlate5, . - m0plus_correlate5
