/* Lists the non-zero elements of a map (m0plus.h), a word of four values at a time: 8 cycles for a word of zeros, 5 or 9 for
 * each value of another one. */
#include "registers.inc"

    .syntax unified
    .cpu cortex-m0plus
    .thumb
    .section .time_critical.engine, "ax"

    .macro value last
    lsls r5, r4, #24
    beq  4f
    lsrs r5, r5, #24
    add  lr, r5
    orrs r5, r5, r6
    stmia r3!, {r5}
4:  add  r6, r11
    .if \last == 0
    lsrs r4, r4, #8
    .endif
    .endm

/* sparse_element *m0plus_list_words(const int8_t *map, uint32_t pixels, uint32_t words, sparse_element *list,
 *                                   uint16_t *starts, uint16_t *sums) */
    .balign 4
    .global m0plus_list_words
    .type m0plus_list_words, %function
m0plus_list_words:
    save_registers
    mov  r10, r2                /* words of a pixel */
    mov  r8, r3                 /* the list's beginning */
    ldr  r4, [sp, #36]          /* starts */
    ldr  r2, [sp, #40]
    subs r2, r2, r4             /* from a start to its sum */
    adds r1, r1, #1
    lsls r1, r1, #1
    adds r1, r1, r4
    mov  r9, r1                 /* the starts' end */
    movs r1, r4
    movs r4, #1
    lsls r4, r4, #8
    mov  r11, r4                /* from an element's index to the next one's */
    lsls r4, r4, #2
    mov  r12, r4
    movs r6, #0                 /* index * 256 */
    mov  lr, r6                 /* the sum */

1:  mov  r5, r8                 /* a pixel */
    subs r5, r3, r5
    lsrs r5, r5, #2
    strh r5, [r1]
    mov  r5, lr
    strh r5, [r1, r2]
    adds r1, #2
    cmp  r1, r9
    beq  6f
    mov  r7, r10
2:  ldmia r0!, {r4}
    cmp  r4, #0
    bne  5f
    add  r6, r12
3:  subs r7, #1
    bne  2b
    b    1b
6:  movs r0, r3
    restore_registers

5:  value 0
    value 0
    value 0
    value 1
    b    3b
    .size m0plus_list_words, . - m0plus_list_words
