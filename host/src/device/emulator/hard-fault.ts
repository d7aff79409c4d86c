/** An access, instruction or breakpoint that a Cortex-M0+ answers with a HardFault. */
export class HardFault extends Error {}
