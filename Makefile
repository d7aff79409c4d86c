# make help lists what there is. Two commands matter: make setup, then make build.
SHELL := bash
# no start-up files, which bash reads where standard input is a socket: a runner without a shell above it
.SHELLFLAGS := --norc -euo pipefail -c
MAKEFLAGS += --no-builtin-rules --no-print-directory
.DEFAULT_GOAL := build
.DELETE_ON_ERROR:
# what setup unpacked is never an intermediate file, not even when setup ran in the same make
.SECONDARY:

DATASET ?= mnist
ANGLE ?= 45
SAMPLES ?= 1024
EVAL_SAMPLES ?= 1000
EPOCHS ?= 3
RUN ?= runs/demo-$(shell date +%Y%m%d-%H%M%S)

NPX := npx --no-install
say = @printf '%-10s %s\n' '$(1)' '$(2)'

.PHONY: help setup build proto host firmware firmware-133mhz firmware-200mhz simulator qemu demo test soak check format \
	package clean errors-page screenshots always

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | \
		while IFS=$$'\t' read -r target what; do printf '%-12s %s\n' "$$target" "$$what"; done

setup: ## find or install what the build and the tests need
	@scripts/setup

build: proto host firmware simulator ## host, firmware image and simulator into dist/

demo: ## train on the emulated Pico (DATASET, ANGLE, SAMPLES, EPOCHS, EVAL_SAMPLES, RUN)
	@scripts/setup build
	@$(MAKE) -j2 build
	node dist/host/cli/main.js train --device emulator --dataset $(DATASET) --angle $(ANGLE) --samples $(SAMPLES) \
		--epochs $(EPOCHS) --eval-samples $(EVAL_SAMPLES) --out $(RUN)

test: ## set up, build, check, and run every test
	@$(MAKE) setup
	@# all at once: what waits for one core, others fill
	@$(MAKE) -j$$(nproc) build qemu check fuzz-replay
	@$(NPX) vitest run $(VITEST_FLAGS)

soak: ## the long tests: faulty lines, killed hosts, full disks, every kernel case (about 30 minutes)
	@$(MAKE) setup
	@$(MAKE) -j2 build qemu
	@$(MAKE) -j2 analyse ANALYSIS_NODES=225000
	@$(NPX) vitest run --config test/soak/vitest.config.ts

screenshots: build ## the pictures of report and live page in docs/images, with Chromium
	@node scripts/screenshots.mjs

package: ## the npm package, from an empty dist/, into build/
	@$(MAKE) setup
	@mkdir -p build
	@npm pack --loglevel=error --pack-destination build
	@printf '%-10s build/priot-%s.tgz (to install it anywhere: npm install FILE)\n' package \
		"$$(node -p 'require("./package.json").version')"

clean: ## remove what was built; make setup's downloads stay
	@rm -rf build dist

# ---- wire contract: one .proto, a module for the host, C for the device ------------------------------------------

PROTO_HOST := dist/proto/priot.js dist/proto/priot.d.ts
PROTO_C := build/proto/priot.pb.c build/proto/priot.pb.h
proto: $(PROTO_HOST) $(PROTO_C) ## only the generated code of the wire contract

$(PROTO_HOST) &: proto/priot.proto package-lock.json
	$(call say,proto,$(@D))
	@mkdir -p $(@D)
	@$(NPX) pbjs -t static-module -w es6 --force-number --no-verify --no-delimited --no-service \
		-o dist/proto/priot.js proto/priot.proto
	@$(NPX) pbts -o dist/proto/priot.d.ts dist/proto/priot.js

$(PROTO_C) &: proto/priot.proto proto/priot.options
	$(call say,proto,build/proto)
	@mkdir -p build/proto
	@nanopb_generator.py --quiet --proto-path=proto --output-dir=build/proto priot.proto

# ---- host --------------------------------------------------------------------------------------------------------

HOST_SOURCES := $(shell find host/src host/speed host/web -type f)
host: build/host.stamp ## only the host: TypeScript into dist/host

build/host.stamp: $(HOST_SOURCES) tsconfig.json package-lock.json $(PROTO_HOST)
	$(call say,host,dist/host)
	@$(NPX) tsc -p .
	@$(NPX) tsc -p host/speed
	@# the pages' scripts run in a browser: they are compiled for it, and their style sheet goes beside them
	@$(NPX) tsc -p host/web
	@cp host/web/page.css dist/web/
	@# what was compiled from a source that is no more must not make a test pass
	@find dist/host -name '*.js' -printf '%P\n' | while read -r file; do \
		[[ -e host/src/$${file%.js}.ts ]] || rm -f dist/host/$${file%.js}.{js,js.map,d.ts}; done
	@# what package.json names as bin; npx runs it as a program
	@chmod +x dist/host/cli/main.js
	@mkdir -p build && touch $@

# ---- firmware: CMake and ninja know what is out of date ----------------------------------------------------------

FIRMWARE := dist/firmware/priot
firmware: $(PROTO_C) dist/firmware/shimrom.bin build/firmware/build.ninja ## only the firmware image and the emulator's boot ROM
	@scripts/quietly build/firmware.log ninja -C build/firmware
	@mkdir -p dist/firmware
	@for kind in elf bin map; do cmp -s build/firmware/priot.$$kind $(FIRMWARE).$$kind || \
		{ printf '%-10s %s\n' firmware $(FIRMWARE).$$kind && cp build/firmware/priot.$$kind $(FIRMWARE).$$kind; }; done
	@[ $(FIRMWARE).uf2 -nt $(FIRMWARE).bin ] || \
		{ printf '%-10s %s\n' firmware $(FIRMWARE).uf2 && node scripts/uf2.mjs $(FIRMWARE).bin $(FIRMWARE).uf2; }

# another SDK is another build; so is one that was configured in another folder, before the checkout was moved or copied
build/firmware/build.ninja: .toolchain/stamp
ifneq ($(shell sed -n 's/^CMAKE_HOME_DIRECTORY:INTERNAL=//p' build/firmware/CMakeCache.txt 2>/dev/null),$(realpath firmware))
build/firmware/build.ninja: always
endif
build/firmware/build.ninja:
	$(call say,cmake,build/firmware)
	@rm -rf build/firmware
	@scripts/quietly build/firmware-cmake.log cmake -S firmware -B build/firmware -G Ninja --log-level=WARNING
	@touch $@

firmware-133mhz firmware-200mhz: firmware-%mhz: $(PROTO_C) .toolchain/stamp ## the image with another clock: build/firmware-200mhz/priot.uf2
	@scripts/quietly build/$@-cmake.log cmake -S firmware -B build/$@ -G Ninja --log-level=WARNING -DPRIOT_CLOCK_MHZ=$*
	@scripts/quietly build/$@.log ninja -C build/$@
	@node scripts/uf2.mjs build/$@/priot.bin build/$@/priot.uf2
	$(call say,firmware,build/$@/priot.uf2)

dist/firmware/shimrom.bin: firmware/rom/shimrom.S
	$(call say,rom,$@)
	@mkdir -p build $(@D)
	@arm-none-eabi-gcc -mcpu=cortex-m0plus -mthumb -nostdlib -Wl,-Ttext=0 -Wl,--entry=0 -Wl,--build-id=none \
		$< -o build/shimrom.elf
	@arm-none-eabi-objcopy -O binary build/shimrom.elf $@

.toolchain/stamp:
	@echo 'the sources the firmware is built on are missing; run: make setup' >&2; exit 1

# ---- WebAssembly, without a C library: the simulator, and the batch engine behind priot pretrain -----------------------

NANOPB := .toolchain/nanopb
# as firmware/CMakeLists.txt has them
NANOPB_FLAGS := -DPB_BUFFER_ONLY -DPB_WITHOUT_64BIT -DPB_NO_ERRMSG
WARNINGS := -Wall -Wextra -Wconversion -Werror
WASM_CODE := --target=wasm32 -O3 -msimd128 -mbulk-memory
WASM_FLAGS := $(WASM_CODE) -std=c11 -ffreestanding -fvisibility=hidden -MMD -MP -Ifirmware/wasm/include \
	-Ifirmware/engine -Ifirmware/session -Ibuild/proto -I$(NANOPB) $(NANOPB_FLAGS)
WASM_LINK := --target=wasm32 -nostdlib -Wl,--no-entry -Wl,--strip-all -Wl,-z,stack-size=65536

wasm_objects = $(patsubst firmware/%.c,build/wasm/%.o,$(1))
ENGINE_OBJECTS := $(call wasm_objects,$(shell find firmware/engine -name '*.c' -not -path '*/m0plus/*'))
PROTO_OBJECTS := build/wasm/proto/priot.pb.o $(addprefix build/wasm/nanopb/,pb_common.o pb_decode.o pb_encode.o)
SIMULATOR_OBJECTS := $(ENGINE_OBJECTS) $(PROTO_OBJECTS) \
	$(call wasm_objects,$(wildcard firmware/session/*.c) $(wildcard firmware/wasm/*.c))
PRETRAINING_OBJECTS := $(ENGINE_OBJECTS) $(PROTO_OBJECTS) $(call wasm_objects,$(wildcard firmware/pretraining/*.c) \
	firmware/wasm/memory.c firmware/session/messages.c firmware/session/network_codec.c)

simulator: dist/simulator/priot.wasm dist/pretraining/pretraining.wasm ## only the WebAssembly modules

dist/simulator/priot.wasm: $(SIMULATOR_OBJECTS)
dist/pretraining/pretraining.wasm: $(PRETRAINING_OBJECTS)
dist/simulator/priot.wasm dist/pretraining/pretraining.wasm:
	$(call say,wasm,$@)
	@mkdir -p $(@D)
	@clang $(WASM_LINK) $^ -o $@

build/wasm/%.o: firmware/%.c | $(PROTO_C) .toolchain/stamp
	$(call say,clang,$<)
	@mkdir -p $(@D)
	@clang $(WASM_FLAGS) $(WARNINGS) -c $< -o $@

build/wasm/proto/%.o: build/proto/%.c | .toolchain/stamp
	@mkdir -p $(@D)
	@clang $(WASM_FLAGS) -c $< -o $@

build/wasm/nanopb/%.o: $(NANOPB)/%.c | $(PROTO_C)
	@mkdir -p $(@D)
	@clang $(WASM_FLAGS) -c $< -o $@

$(NANOPB)/%.c: .toolchain/stamp ;

# simulator.c says in Hello what it was built from; the header changes only when its text does
build/wasm/wasm/simulator.o: build/wasm/build_info.h
build/wasm/wasm/simulator.o: private WASM_FLAGS += -include build/wasm/build_info.h
build/wasm/build_info.h: always
	@mkdir -p $(@D)
	@printf '#define %s "%s"\n' FIRMWARE_COMMIT "$$(git describe --always --dirty --abbrev=12 2>/dev/null || echo unknown)" \
		FIRMWARE_COMPILER "$$(clang --version | sed -n 's/.*clang version \([0-9.]*\).*/clang \1/p')" \
		FIRMWARE_FLAGS '$(WASM_CODE)' >$@.new
	@if cmp -s $@.new $@; then rm $@.new; else mv $@.new $@; fi
always:

-include $(sort $(SIMULATOR_OBJECTS:.o=.d) $(PRETRAINING_OBJECTS:.o=.d))

include firmware/fuzz/fuzz.mk
include firmware/qemu/qemu.mk
include scripts/results.mk

errors-page: build/host.stamp ## the tables of docs/errors.md, from the error codes in host/src
	@node scripts/errors-page.mjs

# ---- checks ------------------------------------------------------------------------------------------------------

C_FILES := $(shell find firmware -name '*.[ch]')
# how far clang's analyser follows the paths of a function: clang's own limit, 225,000, takes three times as long
ANALYSIS_NODES ?= 75000
ANALYSIS := build/analysis/$(ANALYSIS_NODES)
ANALYSED := $(patsubst firmware/%.c,$(ANALYSIS)/%.stamp,$(shell find firmware/engine firmware/session -name '*.c' \
	-not -path '*/m0plus/*'))
CHECKS := $(addprefix check-,biome types directions clang-format cppcheck)

.PHONY: analyse $(CHECKS)
check: $(CHECKS) analyse ## formatter, linters, directions of imports, static analysis
analyse: $(ANALYSED)

check-biome:
	$(call say,check,biome)
	@$(NPX) biome check --error-on-warnings .

check-types: build/host.stamp
	$(call say,check,types of test/)
	@$(NPX) tsc -p test/tsconfig.json

check-directions: firmware
	$(call say,check,directions of includes and calls)
	@node scripts/c-directions.mjs build/firmware/CMakeFiles/priot.dir

check-clang-format:
	$(call say,check,clang-format)
	@clang-format --dry-run -Werror $(C_FILES)

check-cppcheck:
	$(call say,check,cppcheck)
	@# the arithmetic is defined with arithmetic right shifts; arithmetic.h asserts that the compiler has them
	@cppcheck --quiet --std=c11 --enable=warning,performance,portability --inline-suppr --error-exitcode=1 \
		--suppress=shiftNegativeLHS -Ifirmware/engine -Ifirmware/session firmware

# clang's path-sensitive analyser, over the code that is ours alone and reads what others send
$(ANALYSIS)/%.stamp: build/wasm/%.o
	$(call say,analyse,firmware/$*.c)
	@mkdir -p $(@D)
	@clang --analyze --analyzer-output text -Xanalyzer -analyzer-werror \
		-Xanalyzer -analyzer-config -Xanalyzer max-nodes=$(ANALYSIS_NODES) \
		$(filter-out -MMD -MP,$(WASM_FLAGS)) firmware/$*.c
	@touch $@

format: ## rewrite the sources as the formatters want them
	@$(NPX) biome check --write .
	@clang-format -i $(C_FILES)
