# The engine and the session for QEMU's mps2-an385: the objects of the firmware image, with another main (main.c).

QEMU_IMAGE := build/qemu/priot.elf
QEMU_FLAGS := -mcpu=cortex-m0plus -mthumb -O2 -std=c11 -ffreestanding $(WARNINGS) \
	-Ifirmware/engine -Ifirmware/session -Ibuild/proto -I$(NANOPB) $(NANOPB_FLAGS)
qemu_objects = $(shell find build/firmware/CMakeFiles/priot.dir -name '*.o' \( -path '*/priot.dir/engine/*' \
	-o -path '*/priot.dir/session/*' -o -name 'pb_*.c.o' -o -name 'priot.pb.c.o' -o -name 'block_memory.S.o' \))

qemu: firmware ## only the image for QEMU, a second opinion on the processor
	@mkdir -p $(dir $(QEMU_IMAGE))
	@for source in $(FIRMWARE).elf firmware/qemu/main.c firmware/qemu/link.ld; do \
		[ $(QEMU_IMAGE) -nt $$source ] || { rm -f $(QEMU_IMAGE); break; }; done
	@[ -e $(QEMU_IMAGE) ] || { printf '%-10s %s\n' qemu $(QEMU_IMAGE) && \
		arm-none-eabi-gcc $(QEMU_FLAGS) -nostartfiles --specs=nano.specs -T firmware/qemu/link.ld \
			-Wl,--no-warn-rwx-segments firmware/qemu/main.c $(qemu_objects) -o $(QEMU_IMAGE); }
