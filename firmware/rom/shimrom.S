/* A boot ROM for the emulator only, in place of the RP2040's own: enough to start a flash image built on the Pico SDK.
 * Layout and function codes: RP2040 datasheet, 2.8 "Bootrom". At most 16 KB at address 0.
 *
 * What the chip does in silicon (erase, program, the BOOTSEL drive) is a BKPT that the emulator acts on, arguments in
 * r0.. as the ROM functions have them:
 *   0xE0 erase     r0 = offset in flash, r1 = bytes
 *   0xE1 program   r0 = offset in flash, r1 = source address, r2 = bytes
 *   0xE2 BOOTSEL   does not return
 *   0xFF           nothing to boot, or a fault before the image took over the vectors */
    .syntax unified
    .cpu cortex-m0plus
    .thumb
    .text

    .equ SIO, 0xd0000000
    .equ SIO_CPUID, 0x00
    .equ SIO_FIFO_ST, 0x50
    .equ SIO_FIFO_WR, 0x54
    .equ SIO_FIFO_RD, 0x58
    .equ VTOR, 0xe000ed08

    .word 0x20041f00            /* initial stack: below the second stage's place at the end of SRAM */
    .word reset + 1
    .word fault + 1             /* NMI */
    .word fault + 1             /* HardFault */
    .byte 'M', 'u', 1           /* 0x10: magic */
    .byte 3                     /* 0x13: version, B2 silicon */
    .hword functions            /* 0x14 */
    .hword data                 /* 0x16 */
    .hword lookup + 1           /* 0x18 */

/* Copies the second stage, the first 256 bytes of flash but for their checksum, to the end of SRAM and enters it there:
 * it switches flash off and on again. It goes on to the image itself when LR is 0. Both cores begin here. */
    .balign 4
reset:
    ldr r0, =SIO
    ldr r1, [r0, #SIO_CPUID]
    cmp r1, #0
    bne wait_for_launch
    nop                         /* with the checksum left out, as long a start as before there was a second core */
    nop
    bl leave_xip
    bl enter_xip
    ldr r4, =0x10000000
    ldr r5, =0x20041f00
    movs r1, #248
1:  ldr r0, [r4, r1]
    str r0, [r5, r1]
    subs r1, #4
    bpl 1b
    adds r5, #1
    movs r0, #0
    mov lr, r0
    bx r5

/* The second core: says that it is here, then waits for 0, 0, 1, vector table, stack, entry, and sends each back;
 * begins anew when one of the first three is another. It sleeps between words (datasheet 2.8.2). r0: SIO. */
wait_for_launch:
    movs r2, #0
    bl send
    movs r4, #0                 /* words heard, as the table's offset */
    movs r6, #0
1:  ldr r1, [r0, #SIO_FIFO_ST]
    lsrs r1, r1, #1             /* carry: a word is there */
    bcs 2f
    wfe
    b 1b
2:  ldr r2, [r0, #SIO_FIFO_RD]
    bl send
    cmp r4, #8
    bhi 3f
    adr r3, opening
    ldr r3, [r3, r4]
    cmp r2, r3
    beq 4f
    movs r4, #0
    b 1b
3:  mov r5, r6                  /* the last three: table, stack, entry at the end */
    mov r6, r7
    mov r7, r2
4:  adds r4, #4
    cmp r4, #24
    bne 1b
    ldr r1, =VTOR
    str r5, [r1]
    mov sp, r6
    blx r7
fault:
    bkpt #0xff
    b fault

/* r0: SIO, r2: a word for the other core, which may sleep. Changes r1. */
send:
    ldr r1, [r0, #SIO_FIFO_ST]
    lsrs r1, r1, #2             /* carry: there is room */
    bcc send
    str r2, [r0, #SIO_FIFO_WR]
    sev
    bx lr
    .balign 4
opening:
    .word 0, 0, 1

/* r0: table of (code, address) pairs of half words, r1: code. Returns the address, 0 when there is none. */
lookup:
    ldrh r2, [r0, #0]
    ldrh r3, [r0, #2]
    adds r0, #4
    cmp r2, r1
    beq 1f
    cmp r2, #0
    bne lookup
    movs r3, #0
1:  mov r0, r3
    bx lr

/* r0: destination, r1: byte, r2: count. Returns the destination. */
fill:
    mov r3, r0
    b 2f
1:  strb r1, [r3]
    adds r3, #1
    subs r2, #1
2:  cmp r2, #0
    bne 1b
    bx lr

/* r0: destination, r1: source, r2: count. Returns the destination. From the end, so that no second pointer is needed. */
copy:
    push {r4, lr}
    b 2f
1:  ldrb r4, [r1, r2]
    strb r4, [r0, r2]
2:  subs r2, #1
    bcs 1b
    pop {r4, pc}

/* Bits set in r0. */
population_count:
    movs r1, #0
    movs r2, #0
1:  lsrs r0, r0, #1
    adcs r1, r2
    cmp r0, #0
    bne 1b
    mov r0, r1
    bx lr

/* Zeros above the highest bit of r0: 32 for 0. */
leading_zeros:
    movs r1, #32
    b 2f
1:  subs r1, #1
    lsrs r0, r0, #1
2:  cmp r0, #0
    bne 1b
    mov r0, r1
    bx lr

/* Zeros below the lowest bit of r0: 32 for 0. */
trailing_zeros:
    movs r1, #32
    b 2f
1:  subs r1, #1
    lsls r0, r0, #1
2:  cmp r0, #0
    bne 1b
    mov r0, r1
    bx lr

/* r0 with its bits in reverse order. A one is pushed in front: when it comes out, all 32 are done. */
reverse:
    movs r1, #1
    lsrs r0, r0, #1
1:  adcs r1, r1
    bcs 2f
    lsrs r0, r0, #1
    b 1b
2:  mov r0, r1
    bx lr

erase:
    bkpt #0xe0
    bx lr
program:
    bkpt #0xe1
    bx lr
bootsel:
    bkpt #0xe2
    b bootsel
/* Connecting the flash: the emulated one always is. */
nothing:
    bx lr

    .equ SSI, 0x18000000
    .equ SSI_CTRLR0, 0x00
    .equ SSI_SSIENR, 0x08
    .equ SSI_SER, 0x10
    .equ SSI_BAUDR, 0x14
    .equ SSI_SR, 0x28
    .equ SSI_DR0, 0x60
    .equ SSI_SPI_CTRLR0, 0xf4
    .equ SELECT_CONTROL, 0x4001800c     /* IO_QSPI: GPIO_QSPI_SS_CTRL */
    .equ XIP_FLUSH, 0x14000004

/* r1: CTRLR0, r2: SPI_CTRLR0. Sets the serial interface up. Changes r0, r3. */
set_up:
    ldr r0, =SSI
    movs r3, #0
    str r3, [r0, #SSI_SSIENR]
    movs r3, #6
    str r3, [r0, #SSI_BAUDR]
    str r1, [r0, #SSI_CTRLR0]
    movs r3, #SSI_SPI_CTRLR0
    str r2, [r0, r3]
    movs r3, #1
    str r3, [r0, #SSI_SER]
    str r3, [r0, #SSI_SSIENR]
    bx lr

/* Ends execute-in-place: bytes go to and fro from here on. Sixteen clocks of ones end the chip's continuous reads. */
leave_xip:
    push {lr}
    ldr r1, =0x00070000         /* 8 bits a frame, both ways */
    movs r2, #0
    bl set_up
    movs r1, #0xff
    str r1, [r0, #SSI_DR0]
    str r1, [r0, #SSI_DR0]
    ldr r1, [r0, #SSI_SR]       /* the transfer is over when nobody adds to it */
    ldr r1, [r0, #SSI_DR0]
    ldr r1, [r0, #SSI_DR0]
    pop {pc}

/* Execute-in-place with the read that every chip has, 03h. */
enter_xip:
    push {lr}
    ldr r1, =0x001f0300         /* 32 bits a frame, instruction and address out, data in */
    ldr r2, =0x03000218         /* instruction 03h of 8 bits, 24 bits of address */
    bl set_up
    pop {pc}

/* Forgets what the cache holds, and gives the chip's select line back to the interface. */
flush_cache:
    ldr r0, =XIP_FLUSH
    movs r1, #1
    str r1, [r0]
    ldr r1, [r0]                /* waits until it is done */
    ldr r0, =SELECT_CONTROL
    movs r1, #0
    str r1, [r0]
    bx lr
    .ltorg

    .macro function code:req, address:req
    .ascii "\code"
    .hword \address + 1
    .endm

    .balign 4
functions:
    function "P3", population_count
    function "R3", reverse
    function "L3", leading_zeros
    function "T3", trailing_zeros
    function "MS", fill
    function "S4", fill
    function "MC", copy
    function "C4", copy
    function "IF", nothing
    function "EX", leave_xip
    function "FC", flush_cache
    function "CX", enter_xip
    function "RE", erase
    function "RP", program
    function "UB", bootsel
data:
    .word 0
