/* Loops that take an instruction 1,024 times, and one that takes none: their difference is what it costs. They run
 * from wherever they are copied to (instruction_costs.c). r0: the address that is read or written. */
    .syntax unified
    .cpu cortex-m0plus
    .thumb
    .section .text.instruction_costs, "ax", %progbits

    .macro function name:req
    .global \name
    .type \name, %function
    .balign 4
\name:
    .endm

    /* 16 rounds of `count` times the instruction. The branch back is a long one in all loops, so that they are alike. */
    .macro loop name:req, count:req, instruction:vararg
    function \name
    movs r1, #16
    movs r2, #3
    movs r3, #0
    .balign 4
1:
    .rept \count
    \instruction
    .endr
    subs r1, #1
    beq 2f
    b 1b
2:  bx lr
    .size \name, . - \name
    .endm

    .global instruction_costs
    .balign 4
instruction_costs:
    loop cost_nothing, 0, nop
    loop cost_multiply, 64, muls r3, r2, r3
    loop cost_load, 64, ldr r3, [r0]
    loop cost_store, 64, str r2, [r0]
    loop cost_branch, 64, b . + 2

    /* A word of each of 1,024 lines of 8 bytes. */
    function cost_lines
    movs r1, #1
    lsls r1, #10
    .balign 4
1:  ldr r3, [r0]
    adds r0, #8
    subs r1, #1
    bne 1b
    bx lr
    .size cost_lines, . - cost_lines

    /* What the second core does meanwhile, for ever: it reads the word whose address is on its stack. */
    function cost_rival
    ldr r0, [sp]
    .balign 4
1:
    .rept 16
    ldr r3, [r0]
    .endr
    b 1b
    .size cost_rival, . - cost_rival

    .balign 4
end_of_loops:
    .global instruction_costs_bytes
instruction_costs_bytes:
    .word end_of_loops - instruction_costs
