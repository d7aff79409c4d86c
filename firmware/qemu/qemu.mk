# The engine and the session for QEMU's mps2-an385: the objects of the firmware image, with another main (main.c).

QEMU_IMAGE := build/qemu/priot.elf
QEMU_FLAGS := -mcpu=cortex-m0plus -mthumb -O2 -std=c11 -ffreestanding $(WARNINGS) \
	-Ifirmware/engine -Ifirmware/session -Ibuild/proto -I$(NANOPB) $(NANOPB_FLAGS)
# of the sources there are: the folder keeps the objects of those that are no more
QEMU_OBJECTS_DIR := build/firmware/CMakeFiles/priot.dir
QEMU_SOURCES := $(shell find firmware/engine firmware/session -name '*.[cS]' -not -path '*/wasm/*') \
	firmware/pico/block_memory.S
qemu_objects = $(patsubst firmware/%,$(QEMU_OBJECTS_DIR)/%.o,$(QEMU_SOURCES)) \
	$(shell find $(QEMU_OBJECTS_DIR) -name 'pb_*.c.o' -o -name 'priot.pb.c.o')

qemu: firmware ## only the image for QEMU, a second opinion on the processor
	@mkdir -p $(dir $(QEMU_IMAGE))
	@for source in $(FIRMWARE).elf firmware/qemu/main.c firmware/qemu/link.ld; do \
		[ $(QEMU_IMAGE) -nt $$source ] || { rm -f $(QEMU_IMAGE); break; }; done
	@[ -e $(QEMU_IMAGE) ] || { printf '%-10s %s\n' qemu $(QEMU_IMAGE) && \
		arm-none-eabi-gcc $(QEMU_FLAGS) -nostartfiles --specs=nano.specs -T firmware/qemu/link.ld \
			-Wl,--no-warn-rwx-segments firmware/qemu/main.c $(qemu_objects) -o $(QEMU_IMAGE); }
