/* Accumulators of eight outputs of a linear layer, from int8 rows of weights (m0plus.h).
 *
 * Two 16-bit lanes share one multiply: a weight enters as w + 128 (its sign bit flipped), so lanes are unsigned and hold
 * 255 times a sum of inputs up to 257; the list says when to empty them into the int32 accumulators, and the caller takes
 * 128 times the sum of inputs away. 26 cycles for the eight products of one input, 3.25 a product.
 *
 * Work list: {x, row}: lanes += x * (row[0..7] + 128), 0 < x <= 127; {0, 1}: empties the lanes into acc[0..7]; {0, 0}: the
 * same, and ends. `offset` bytes are added to every row, which must then be 4-byte aligned. */
    .syntax unified
    .cpu cortex-m0plus
    .thumb
    .section .time_critical.engine, "ax"

/* Adds the two lanes of \lanes to the words at [r0 + \first] and [r0 + \first + 8]; clears them. */
    .macro empty lanes, first
    mov  r2, \lanes
    uxth r3, r2
    lsrs r2, r2, #16
    ldr  r5, [r0, #\first]
    adds r5, r5, r3
    str  r5, [r0, #\first]
    ldr  r5, [r0, #\first + 8]
    adds r5, r5, r2
    str  r5, [r0, #\first + 8]
    movs r2, #0
    mov  \lanes, r2
    .endm

/* void m0plus_rows8(const m0plus_work *work, uintptr_t offset, int32_t *acc) */
    .balign 4
    .global m0plus_rows8
    .type m0plus_rows8, %function
m0plus_rows8:
    push {r4-r7, lr}
    mov  r4, r8
    mov  r5, r9
    mov  r6, r10
    mov  r7, r11
    push {r4-r7}
    mov  r12, r1
    mov  lr, r2
    mov  r1, r0                 /* r1 work list, r12 offset, lr acc */
    movs r0, #0
    mov  r8, r0                 /* lanes: r8 outputs 0 2, r9 1 3, r10 4 6, r11 5 7 */
    mov  r9, r0
    mov  r10, r0
    mov  r11, r0
    ldr  r4, =0x00ff00ff
    ldr  r6, =0x80808080
    b    next

multiply:
    add  r5, r12
    ldmia r5!, {r2, r7}
    eors r2, r2, r6
    lsrs r3, r2, #8
    ands r2, r2, r4
    ands r3, r3, r4
    muls r2, r0, r2
    muls r3, r0, r3
    add  r8, r2
    add  r9, r3
    eors r7, r7, r6
    lsrs r3, r7, #8
    ands r7, r7, r4
    ands r3, r3, r4
    muls r7, r0, r7
    muls r3, r0, r3
    add  r10, r7
    add  r11, r3
next:
    ldmia r1!, {r0, r5}
    cmp  r0, #0
    bne  multiply

    mov  r7, r5
    mov  r0, lr
    empty r8, 0
    empty r9, 4
    empty r10, 16
    empty r11, 20
    cmp  r7, #0
    bne  next

    pop  {r4-r7}
    mov  r8, r4
    mov  r9, r5
    mov  r10, r6
    mov  r11, r7
    pop  {r4-r7, pc}
    .ltorg
    .size m0plus_rows8, . - m0plus_rows8
