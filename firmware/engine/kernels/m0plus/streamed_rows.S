/* How rows of weights leave flash, and which of their edges are pruned (m0plus.h). */
#include "registers.inc"

    .syntax unified
    .cpu cortex-m0plus
    .thumb
    .section .text.m0plus_streamed_rows, "ax" /* in flash, as streamed_gather.S */

    /* Four weights, a word, into two words: what they are together, and the second and fourth of them. r3 0x80808080,
     * r4 0x00ff00ff, r5 0x00800080. A byte's sign: it is turned, and then taken away. r7 is lost. */
    .macro unpack four
    eors \four, r3
    lsrs r7, \four, #8
    ands r7, r4
    subs r7, r7, r5
    subs \four, \four, r3
    stmia r1!, {\four, r7}
    .endm

    /* m0plus_flash_rows */
    .equ OUTPUTS, 4
    .equ TO, 8
    .equ STEP, 12
    .equ OCCUPIED, 16
    .equ OCCUPIED_END, 20
    .equ TAP, 24

    /* Begins a function over m0plus_flash_rows at r0: row and place on the stack, r9 step, r10 and r11 occupied and its
     * end, r12 outputs, lr tap. */
    .macro begin_rows
    save_registers
    ldmia r0!, {r1, r2, r3, r4, r5, r6, r7}
    mov  r12, r2
    mov  r9, r4
    mov  r10, r5
    mov  r11, r6
    mov  lr, r7
    push {r1, r3}
    .endm

    /* Whether the row is needed; else to \skip, behind the last row to \done. r2, r6 and r7 are lost. */
    .macro next_row skip, done
    mov  r2, r10
    cmp  r2, r11
    beq  \done
    ldmia r2!, {r6}
    mov  r10, r2
    mov  r7, lr
    tst  r6, r7
    beq  \skip
    .endm

/* void m0plus_unpack_rows(const m0plus_flash_rows *rows)
 * 2.8 cycles a weight, 35 a row. */
    .balign 4
    .global m0plus_unpack_rows
    .type m0plus_unpack_rows, %function
m0plus_unpack_rows:
    begin_rows
    mov  r2, r9
    subs r2, #32                /* from past a group's eight words to the next group's */
    mov  r9, r2
    ldr  r3, =0x80808080
    ldr  r4, =0x00ff00ff
    ldr  r5, =0x00800080
1:  next_row 3f, 4f
    ldr  r0, [sp]
    ldr  r1, [sp, #4]
    mov  r2, r12
    lsrs r2, r2, #4
    beq  3f
2:  mov  r8, r2                 /* groups left */
    ldmia r0!, {r2, r6}
    unpack r2
    unpack r6
    ldmia r0!, {r2, r6}
    unpack r2
    unpack r6
    add  r1, r9
    mov  r2, r8
    subs r2, #1
    bne  2b
3:  ldr  r0, [sp]
    ldr  r1, [sp, #4]
    add  r0, r12
    adds r1, #32
    str  r0, [sp]
    str  r1, [sp, #4]
    b    1b
4:  add  sp, #8
    restore_registers
    .ltorg
    .size m0plus_unpack_rows, . - m0plus_unpack_rows

/* void m0plus_copy_rows(const m0plus_flash_rows *rows)
 * 0.8 cycles a byte, 40 a row. */
    .balign 4
    .global m0plus_copy_rows
    .type m0plus_copy_rows, %function
m0plus_copy_rows:
    begin_rows
1:  next_row 3f, 4f
    ldr  r0, [sp]
    ldr  r1, [sp, #4]
    mov  r2, r12
    lsrs r2, r2, #4
    bcc  5f                     /* of sixteen */
    ldmia r0!, {r3, r4}
    stmia r1!, {r3, r4}
5:  beq  3f                     /* of the shift: loads and stores leave the flags */
2:  ldmia r0!, {r3-r6}
    stmia r1!, {r3-r6}
    subs r2, #1
    bne  2b
3:  ldr  r0, [sp]
    ldr  r1, [sp, #4]
    add  r0, r12
    add  r1, r9
    str  r0, [sp]
    str  r1, [sp, #4]
    b    1b
4:  add  sp, #8
    restore_registers
    .size m0plus_copy_rows, . - m0plus_copy_rows

/* int32_t m0plus_find_below(const int8_t *end, int32_t first, int32_t threshold)
 * 2.5 cycles a score: whether a byte of a word, its sign turned, is less than n, 0..128, the high bits of
 * (word - n * 0x01010101) & ~word say. */
    .balign 4
    .global m0plus_find_below
    .type m0plus_find_below, %function
m0plus_find_below:
    push {r4-r7, lr}
    adds r1, r0, r1             /* r1 next, r0 end */
    ldr  r3, =0x80808080
    movs r4, r2
    adds r4, #128
    lsls r5, r4, #8
    orrs r4, r5
    lsls r5, r4, #16
    orrs r4, r5                 /* n, four times */
    movs r7, #0
1:  cmp  r1, r0
    bhs  3f
    lsls r6, r1, #30
    bne  4f
    subs r6, r0, r1
    cmp  r6, #4
    blo  4f
    cmp  r2, #0
    bgt  4f                     /* n is more than 128 */
2:  ldmia r1!, {r6}
    eors r6, r3
    subs r5, r6, r4
    bics r5, r6
    tst  r5, r3
    bne  5f
    subs r6, r0, r1
    cmp  r6, #4
    bhs  2b
    b    1b
5:  subs r1, #4
    ldrsb r6, [r1, r7]          /* one of the four */
    cmp  r6, r2
    blt  3f
    adds r1, #1
4:  ldrsb r6, [r1, r7]
    cmp  r6, r2
    blt  3f
    adds r1, #1
    b    1b
3:  subs r0, r1, r0
    pop  {r4-r7, pc}
    .ltorg
    .size m0plus_find_below, . - m0plus_find_below
