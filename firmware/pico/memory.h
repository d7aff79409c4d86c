/* This file counts what RAM and flash are used for, in bytes. */
#ifndef PRIOT_MEMORY_H
#define PRIOT_MEMORY_H

#include <stdint.h>

#define MEMORY_SRAM_BYTES (264u * 1024u)

/* Paints the unused part of the stack; call early in main. */
void memory_init(void);

/* Returns all RAM between the static data and the stack: 8-byte aligned. */
void *memory_arena(void);
uint32_t memory_arena_bytes(void);

uint32_t memory_static_bytes(void);
/* Returns how many of the static bytes are code. */
uint32_t memory_code_bytes(void);
uint32_t memory_stack_bytes(void);
/* Returns the deepest use of the stack since memory_init. */
uint32_t memory_stack_high_water_bytes(void);
/* Returns the size of the image in flash. */
uint32_t memory_image_bytes(void);

#endif
