/* Pool, ReLU and requantisation of eight channels at a time (m0plus.h): 31 cycles for an output that is positive, 23 for
 * one that is not. */
#include "registers.inc"

    .syntax unified
    .cpu cortex-m0plus
    .thumb
    .section .text.m0plus_pool8, "ax" /* in flash: packed lanes take pool_lanes.S */

    .macro channel place
    ldmia r0!, {r4-r7}
    movs r3, #0
    larger r5, 1
    larger r6, 2
    larger r7, 3
    mov  r5, r10
    ldr  r5, [r5, #4 * \place]
    adds r4, r4, r5
    cmp  r4, #0
    ble  3f
    mov  r5, r9
    add  r4, r8
    asrs r4, r5
    cmp  r4, #127
    ble  2f
    movs r4, #127
2:  strb r4, [r1, #\place]
    strb r3, [r2, #\place]
3:
    .endm

/* void m0plus_pool8(const int32_t *acc, int8_t *out, uint8_t *positions, uint32_t shift, const int32_t *biases) */
    .balign 4
    .global m0plus_pool8
    .type m0plus_pool8, %function
m0plus_pool8:
    push {r4-r7, lr}
    mov  r4, r8
    mov  r5, r9
    mov  r6, r10
    push {r4-r6}
    mov  r9, r3                 /* shift */
    ldr  r4, [sp, #32]
    mov  r10, r4                /* biases */
    movs r4, #1
    lsls r4, r3
    lsrs r4, r4, #1
    mov  r8, r4                 /* half a unit of the output; 0 without a shift */
    channel 0
    channel 1
    channel 2
    channel 3
    channel 4
    channel 5
    channel 6
    channel 7
    pop  {r4-r6}
    mov  r8, r4
    mov  r9, r5
    mov  r10, r6
    pop  {r4-r7, pc}
    .size m0plus_pool8, . - m0plus_pool8
