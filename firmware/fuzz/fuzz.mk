# Fuzzing the device's code on this machine (docs/robustness.md). Included by the Makefile.

FUZZ_SECONDS ?= 600
FUZZ_TARGETS := decoder bytes messages network

FUZZ_BUILD := build/fuzz/address
FUZZ_SANITIZE := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
# following every comparison would cost the arithmetic nine tenths of the time
FUZZ_COMPILE := -fsanitize=fuzzer-no-link -fno-sanitize-coverage=trace-cmp
FUZZ_COMPARISONS := -fsanitize-coverage=trace-cmp

# the Pico's kernels too, with the C twins of their assembly
FUZZ_SOURCES := $(shell find firmware/engine -name '*.c' -not -path '*/wasm/*') $(wildcard firmware/session/*.c)
FUZZ_CODE := $(FUZZ_SOURCES:firmware/%.c=$(FUZZ_BUILD)/%.o) $(PROTO_OBJECTS:build/wasm/%=$(FUZZ_BUILD)/%) \
	$(FUZZ_BUILD)/fuzz/device.o $(FUZZ_BUILD)/fuzz/network_input.o
FUZZ_FLAGS := -std=c11 -g -O2 $(FUZZ_SANITIZE) $(FUZZ_COMPILE) -MMD -MP -Ifirmware/engine -Ifirmware/session \
	-Ibuild/proto -I$(NANOPB) $(NANOPB_FLAGS) -DPRIOT_KERNELS_M0PLUS=1 \
	-DENGINE_MAX_EDGES=1048576u -DENGINE_MAX_MAP_ELEMENTS=65535u -DENGINE_MAX_SCORED_EDGES=65535u

.PHONY: fuzz fuzz-replay
fuzz: ## fuzz each target for FUZZ_SECONDS (600), starting from its corpus in test/fuzz
	@$(MAKE) setup
	@$(MAKE) $(FUZZ_TARGETS:%=fuzz-%)

fuzz-%: $(FUZZ_BUILD)/%
	$(call say,fuzz,$* for $(FUZZ_SECONDS) s; findings go to build/fuzz/found)
	@mkdir -p build/fuzz/corpus/$* build/fuzz/found
	@$< -max_total_time=$(FUZZ_SECONDS) -max_len=6000 -timeout=20 -rss_limit_mb=2048 -print_final_stats=1 \
		-artifact_prefix=build/fuzz/found/$*- build/fuzz/corpus/$* test/fuzz/$*

# every input of the committed corpora once
fuzz-replay: $(FUZZ_TARGETS:%=$(FUZZ_BUILD)/%)
	$(call say,fuzz,every input of test/fuzz once)
	@for target in $(FUZZ_TARGETS); do scripts/quietly build/fuzz/$$target.log \
		$(FUZZ_BUILD)/$$target -runs=0 -verbosity=0 -artifact_prefix=build/fuzz/replay- test/fuzz/$$target; done

$(FUZZ_TARGETS:%=$(FUZZ_BUILD)/%): $(FUZZ_BUILD)/%: $(FUZZ_BUILD)/fuzz/%.o $(FUZZ_CODE)
	$(call say,clang,$@)
	@clang $(FUZZ_SANITIZE) -fsanitize=fuzzer $^ -o $@

$(FUZZ_BUILD)/%.o: firmware/%.c | $(PROTO_C) .toolchain/stamp
	@mkdir -p $(@D)
	@clang $(FUZZ_FLAGS) $(WARNINGS) -c $< -o $@

$(FUZZ_BUILD)/session/%.o: private FUZZ_FLAGS += $(FUZZ_COMPARISONS)

# a fence behind every array of the arena
$(FUZZ_BUILD)/engine/layout.o: private FUZZ_FLAGS += -include firmware/fuzz/fence.h

$(FUZZ_BUILD)/proto/%.o: build/proto/%.c | .toolchain/stamp
	@mkdir -p $(@D)
	@clang $(FUZZ_FLAGS) -c $< -o $@

$(FUZZ_BUILD)/nanopb/%.o: $(NANOPB)/%.c | $(PROTO_C)
	@mkdir -p $(@D)
	@clang $(FUZZ_FLAGS) -c $< -o $@

-include $(wildcard $(FUZZ_BUILD)/*/*.d $(FUZZ_BUILD)/*/*/*.d $(FUZZ_BUILD)/*/*/*/*.d)
