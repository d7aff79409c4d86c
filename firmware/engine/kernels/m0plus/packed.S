/* A pool of sixteen output channels of a convolution at once, where its accumulators are known to fit into 16 bits
 * (m0plus.h).
 *
 * Two 16-bit lanes share one multiply, as in lanes.S, but whatever happens between: at the end of a window they are stored
 * as they are, two accumulators in a word, and pooled from there.
 *
 * For sixteen channels a product costs 2.2 cycles: 35 an element, of which 28 multiply and add. A kernel row of a window
 * costs another 36 or, if it is empty, 20; a window 72, and a pool 80 and what its outputs do (pool_lanes.S). */
#include "registers.inc"
#include "elements.inc"

    .syntax unified
    .cpu cortex-m0plus
    .thumb
    .section .time_critical.engine, "ax"

/* Places in the frame */
    .equ END, 0                 /* of the elements of one kernel row */
    .equ ROWS, 4                /* the next one; with the three that follow, of the window */
    .equ FIRST, 8
    .equ LAST, 12
    .equ BASE, 16               /* of the weights of its taps */
    .equ WINDOWS_END, 20
    .equ POOL, 24
    .equ WINDOW, 28             /* the next one; from here on m0plus_packed_pool */
    .equ INPUTS, 32
    .equ WEIGHTS, 36
    .equ STARTS, 40
    .equ LANES, 44              /* of the window */
    .equ FRAME, 48

    .equ POOL_LANES, 16         /* in m0plus_packed_pool; out, positions and shift follow */
    .equ POOL_SHIFT, 28
    .equ WINDOWS_BYTES, 64      /* of four */

/* An element, index * 256 + x, times the 32 bytes of its weights; r7: of map element 0, in this kernel row. */
    .macro element
    ldmia r1!, {r6}
    uxtb r0, r6
    subs r6, r6, r0
    lsrs r6, r6, #3
    adds r6, r6, r7
    multiply_sixteen
    .endm

    .macro store lanes, pair
    mov  r1, \lanes
    str  r1, [r0, #16 * \pair]
    .endm

/* void m0plus_pool16_packed(const m0plus_packed_pool *pool) */
    .balign 4
    .global m0plus_pool16_packed
    .type m0plus_pool16_packed, %function
m0plus_pool16_packed:
    save_registers
    sub  sp, #FRAME
    str  r0, [sp, #POOL]
    ldmia r0!, {r1-r5}
    add  r0, sp, #WINDOW
    stmia r0!, {r1-r5}
    movs r0, r1
    adds r1, #WINDOWS_BYTES
    str  r1, [sp, #WINDOWS_END]

next_window:                    /* at r0 */
    ldmia r0!, {r1, r2, r3, r6}
    str  r0, [sp, #WINDOW]
    keep_window
    ldr  r0, [sp, #STARTS]
    ldmia r0!, {r1-r5}          /* one less than they are: as m0plus_pool_pairs wants it */
    mov  r8, r1
    mov  r9, r2
    mov  r10, r3
    mov  r11, r4
    mov  r12, r5
    ldmia r0!, {r1, r4, r5}
    mov  lr, r1
    b    next_row

    loop_elements

next_row:
    ldr  r0, [sp, #ROWS]
    ldmia r0!, {r1, r7}
    str  r0, [sp, #ROWS]
    cmp  r1, #0
    beq  end_of_window
    ldr  r2, [sp, #FIRST]
    ldr  r3, [sp, #LAST]
    ldrh r2, [r1, r2]
    ldrh r3, [r1, r3]
    subs r3, r3, r2             /* elements of the row */
    beq  next_row
    find_row
    lsls r2, r3, #2
    adds r2, r2, r1
    str  r2, [sp, #END]
    lsls r3, r3, #31            /* their number's lowest bits into carry and sign */
    enter_loop

end_of_window:
    ldr  r0, [sp, #LANES]
    store r8, 0
    store r9, 1
    store r10, 2
    store r11, 3
    store r12, 4
    store lr, 5
    str  r4, [r0, #16 * 6]
    str  r5, [r0, #16 * 7]
    adds r0, #4
    str  r0, [sp, #LANES]
    ldr  r0, [sp, #WINDOW]
    ldr  r1, [sp, #WINDOWS_END]
    cmp  r0, r1
    beq  1f
    b    next_window            /* too far for a condition */
1:  ldr  r0, [sp, #POOL]
    adds r0, #POOL_LANES
    ldmia r0, {r0-r3}
    bl   m0plus_pool_pairs      /* r0 to the next four pairs */
    ldr  r3, [sp, #POOL]
    ldr  r3, [r3, #POOL_SHIFT]
    adds r1, #8
    adds r2, #8
    bl   m0plus_pool_pairs
    add  sp, #FRAME
    restore_registers
    .size m0plus_pool16_packed, . - m0plus_pool16_packed
