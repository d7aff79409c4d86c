/* Convolution accumulators of eight output channels at once, in registers (gather.h).
 *
 * A MULS destroys an operand and an ADD reaches the high registers, so eight accumulators stay put while weights, widened
 * to int32 beforehand, stream in by LDM: 35 cycles for the eight products of one input, 4.4 a product.
 *
 * Work list: words in pairs {x, weights}: acc[0..7] += x * weights[0..7]; {0, acc}: stores the eight accumulators there and
 * clears them; {0, 0}: ends. `offset` bytes are added to every pointer but the ending 0. */
    .syntax unified
    .cpu cortex-m0plus
    .thumb
    .section .time_critical.engine, "ax"

/* void m0plus_gather8(const m0plus_work *work, uint32_t offset) */
    .balign 4
    .global m0plus_gather8
    .type m0plus_gather8, %function
m0plus_gather8:
    push {r4-r7, lr}
    mov  r2, r8
    mov  r3, r9
    mov  r4, r10
    mov  r5, r11
    push {r2-r5}
    mov  r12, r1
    mov  r1, r0                 /* r1 work list, r12 offset */

clear:
    movs r4, #0                 /* accumulators: r4 r5 r7 r8 r9 r10 r11 lr */
    movs r5, #0
    movs r7, #0
    mov  r8, r4
    mov  r9, r4
    mov  r10, r4
    mov  r11, r4
    mov  lr, r4

    ldmia r1!, {r0, r6}
    cmp  r0, #0
    beq  store
multiply:
    add  r6, r12
    ldmia r6!, {r2, r3}
    muls r2, r0, r2
    muls r3, r0, r3
    adds r4, r4, r2
    adds r5, r5, r3
    ldmia r6!, {r2, r3}
    muls r2, r0, r2
    muls r3, r0, r3
    adds r7, r7, r2
    add  r8, r3
    ldmia r6!, {r2, r3}
    muls r2, r0, r2
    muls r3, r0, r3
    add  r9, r2
    add  r10, r3
    ldmia r6!, {r2, r3}
    muls r2, r0, r2
    muls r3, r0, r3
    add  r11, r2
    add  lr, r3
    ldmia r1!, {r0, r6}
    cmp  r0, #0
    bne  multiply

store:
    cmp  r6, #0
    beq  done
    add  r6, r12
    stmia r6!, {r4, r5, r7}
    mov  r2, r8
    mov  r3, r9
    mov  r4, r10
    mov  r5, r11
    mov  r7, lr
    stmia r6!, {r2, r3, r4, r5, r7}
    b    clear

done:
    pop  {r2-r5}
    mov  r8, r2
    mov  r9, r3
    mov  r10, r4
    mov  r11, r5
    pop  {r4-r7, pc}
    .size m0plus_gather8, . - m0plus_gather8
