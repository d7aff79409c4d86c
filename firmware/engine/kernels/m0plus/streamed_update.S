/* Updates the scored edges of a tap of a streamed convolution (m0plus.h), each from the list of its output channel's deltas.
 * In flash, as streamed_gather.S. 30 cycles an entry, 6.9 a delta of its output; 35 to change a score; 40 a row. */
#include "registers.inc"

    .syntax unified
    .cpu cortex-m0plus
    .thumb
    .section .text.m0plus_streamed_update, "ax"

    /* m0plus_tap_update, copied to the stack */
    .equ STARTS, 0
    .equ INDICES, 4
    .equ SCORES, 8
    .equ WEIGHTS, 12
    .equ OUTPUTS, 16
    .equ MAP, 20
    .equ OCCUPIED, 24
    .equ OCCUPIED_END, 28
    .equ TAP, 32
    .equ LISTS, 36
    .equ PITCH, 40
    .equ NEGLIGIBLE, 44
    .equ HALF, 48
    .equ SHIFT, 52
    .equ ROW, 56                /* weights of the row */
    .equ FRAME, 60

    .macro add_delta
    ldmia r1!, {r2, r3}
    ldrb r2, [r0, r2]
    muls r2, r3, r2
    adds r4, r4, r2
    .endm

    .macro add_two_deltas
    ldmia r1!, {r2, r3, r6, r7}
    ldrb r2, [r0, r2]
    muls r2, r3, r2
    adds r4, r4, r2
    ldrb r6, [r0, r6]
    muls r6, r7, r6
    adds r4, r4, r6
    .endm

    /* To -127..127; r1 127, r7 -127. */
    .macro clamp value
    cmp  \value, r1
    ble  1f
    movs \value, r1
1:  cmp  \value, r7
    bge  1f
    movs \value, r7
1:
    .endm

/* void m0plus_update_tap(const m0plus_tap_update *update) */
    .balign 4
    .global m0plus_update_tap
    .type m0plus_update_tap, %function
m0plus_update_tap:
    save_registers
    sub  sp, #FRAME
    mov  r1, sp
    ldmia r0!, {r2-r6}
    stmia r1!, {r2-r6}
    ldmia r0!, {r2-r6}
    stmia r1!, {r2-r6}
    ldmia r0!, {r2-r5}
    stmia r1!, {r2-r5}
    ldr  r1, [sp, #PITCH]
    mov  r8, r1
    ldr  r1, [sp, #LISTS]
    mov  r12, r1
    ldr  r1, [sp, #NEGLIGIBLE]
    mov  r10, r1                /* r10 negligible, r11 twice as much */
    lsls r1, r1, #1
    mov  r11, r1

next_row:
    ldr  r1, [sp, #OCCUPIED]
    ldr  r2, [sp, #OCCUPIED_END]
    cmp  r1, r2
    beq  done
    ldmia r1!, {r3}
    str  r1, [sp, #OCCUPIED]
    ldr  r2, [sp, #STARTS]
    ldrh r5, [r2]
    ldrh r4, [r2, #2]
    adds r2, #2
    str  r2, [sp, #STARTS]
    ldr  r0, [sp, #MAP]
    adds r2, r0, #1
    str  r2, [sp, #MAP]
    ldr  r6, [sp, #WEIGHTS]
    str  r6, [sp, #ROW]
    ldr  r2, [sp, #OUTPUTS]
    adds r6, r6, r2
    str  r6, [sp, #WEIGHTS]
    ldr  r2, [sp, #TAP]
    tst  r2, r3
    beq  next_row
    cmp  r4, r5
    beq  next_row
    ldr  r2, [sp, #INDICES]
    adds r5, r5, r2
    adds r4, r4, r2
    mov  r9, r4

next_entry:                     /* r5 its index, r9 past the last one, r0 map */
    ldrb r1, [r5]
    adds r5, #1
    mov  r2, r8
    muls r1, r2, r1
    add  r1, r12
    movs r4, #0
    ldmia r1!, {r2, r6}
    mov  lr, r6                 /* the list's end */
    mov  pc, r2

four_pairs:
    add_two_deltas
three_pairs:
    add_two_deltas
two_pairs:
    add_two_deltas
one_pair:
    add_two_deltas
no_pair:
    cmp  r1, lr
    bne  four_pairs
    mov  r2, r10
    adds r2, r2, r4
    cmp  r2, r11
    bhi  change
unchanged:
    cmp  r5, r9
    blo  next_entry
    b    next_row

odd_0:
    add_delta
    b    no_pair
odd_1:
    add_delta
    b    one_pair
odd_2:
    add_delta
    b    two_pairs
odd_3:
    add_delta
    b    three_pairs

change:                         /* r4 gradient */
    subs r2, r5, #1
    ldrb r1, [r2]
    ldr  r3, [sp, #ROW]
    ldrsb r3, [r3, r1]
    muls r4, r3, r4
    ldr  r1, [sp, #HALF]
    adds r4, r4, r1
    ldr  r1, [sp, #SHIFT]
    asrs r4, r1
    beq  unchanged
    movs r1, #127
    rsbs r7, r1, #0
    clamp r4
    ldr  r3, [sp, #INDICES]
    subs r2, r2, r3
    ldr  r3, [sp, #SCORES]
    adds r2, r2, r3
    movs r3, #0
    ldrsb r3, [r2, r3]
    subs r3, r3, r4
    clamp r3
    strb r3, [r2]
    b    unchanged

done:
    add  sp, #FRAME
    restore_registers
    .size m0plus_update_tap, . - m0plus_update_tap

/* uintptr_t m0plus_list_head(uint32_t count) */
    .balign 4
    .global m0plus_list_head
    .type m0plus_list_head, %function
m0plus_list_head:
    adr  r1, heads
    cmp  r0, #0
    beq  1f
    lsls r0, r0, #29
    lsrs r0, r0, #27
    adds r1, r1, r0
    adds r1, #4
1:  ldr  r0, [r1]
    bx   lr
    .balign 4
heads:
    .word unchanged /* of an empty list */
    .word no_pair, odd_0, one_pair, odd_1, two_pairs, odd_2, three_pairs, odd_3
    .size m0plus_list_head, . - m0plus_list_head
