/* acc[0..count) += x * weights[0..count), both int32, count a multiple of 8: 55 cycles for 8 products (m0plus.h). Two
 * pointers walk the accumulators, one loading and one storing, since LDM and STM both write back. */
    .syntax unified
    .cpu cortex-m0plus
    .thumb
    .section .time_critical.engine, "ax"

    .macro pair
    ldmia r1!, {r3, r4}
    muls r3, r2, r3
    muls r4, r2, r4
    ldmia r0!, {r5, r6}
    adds r5, r5, r3
    adds r6, r6, r4
    stmia r7!, {r5, r6}
    .endm

/* void m0plus_scatter(int32_t *acc, const int32_t *weights, int32_t x, uint32_t count) */
    .balign 4
    .global m0plus_scatter
    .type m0plus_scatter, %function
m0plus_scatter:
    push {r4-r7, lr}
    lsls r3, r3, #2
    adds r3, r3, r0
    mov  r12, r3                /* end of acc */
    mov  r7, r0
1:  pair
    pair
    pair
    pair
    cmp  r0, r12
    blo  1b
    pop  {r4-r7, pc}
    .size m0plus_scatter, . - m0plus_scatter
