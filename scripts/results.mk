# make results, make robustness and make heldout: the tables of docs/results.md; make picture: the README's, from scratch. Sessions that are done are kept in
# runs/sweeps: remove it to begin anew. DATA_DIR names a folder of data sets.
PRIOT := node dist/host/cli/main.js
DATA := $(if $(DATA_DIR),--data-dir $(DATA_DIR))
SWEEPS := runs/sweeps
BACKBONES := $(foreach seed,1 2 3 4 5,runs/backbones/$(seed))
EMULATED := $(SWEEPS)/accuracy-emulated

.PHONY: results robustness heldout picture results-vgg11 results-steady results-steady-vgg11 \
	heldout-steady robustness-steady collapse

results: ## the accuracy table of docs/results.md: methods, four angles, five seeds
	@$(MAKE) setup
	@$(MAKE) -j2 build
	@mkdir -p $(SWEEPS)
	$(PRIOT) sweep sweeps/accuracy.yaml $(DATA) --out $(SWEEPS)/accuracy --json >$(SWEEPS)/accuracy.json
	@if [ ! -e $(EMULATED)/run.json ]; then \
		$(PRIOT) train --device emulator $(DATA) --angle 45 --calibrate transfer --mu 5 --epochs 30 --eval-every 30 \
			--eval-samples 100 --out $(EMULATED); \
	elif ! grep -q '"summary"' $(EMULATED)/run.json; then $(PRIOT) train --resume $(EMULATED); fi
	node scripts/results.mjs

robustness: ## the robustness table of docs/results.md: five backbones, three seeds; up to an hour
	@$(MAKE) setup
	@$(MAKE) -j2 build
	@mkdir -p $(SWEEPS)
	@$(MAKE) -j2 $(addsuffix /network.json,$(BACKBONES))
	$(PRIOT) sweep sweeps/robustness.yaml $(DATA) --out $(SWEEPS)/robustness --json >$(SWEEPS)/robustness.json
	node scripts/results.mjs

heldout: ## what options were chosen by: docs/results.md, on held-out training images
	@$(MAKE) setup
	@$(MAKE) -j2 build
	@mkdir -p $(SWEEPS)
	$(PRIOT) sweep sweeps/held-out.yaml $(DATA) --out $(SWEEPS)/held-out --json >$(SWEEPS)/held-out.json
	node scripts/results.mjs

results-vgg11: ## the table of VGG11 on rotated CIFAR-10: four methods, four angles, three seeds; some hours
	@$(MAKE) setup
	@$(MAKE) -j2 build
	@mkdir -p $(SWEEPS)
	$(PRIOT) sweep sweeps/vgg11.yaml $(DATA) --out $(SWEEPS)/vgg11 --json >$(SWEEPS)/vgg11.json
	node scripts/results.mjs

results-steady: ## the table of the steady variant: two methods, five angles, five seeds
	@$(MAKE) setup
	@$(MAKE) -j2 build
	@mkdir -p $(SWEEPS)
	$(PRIOT) sweep sweeps/steady.yaml $(DATA) --out $(SWEEPS)/steady --json >$(SWEEPS)/steady.json
	node scripts/results.mjs

results-steady-vgg11: ## the same on VGG11: two methods, three angles, three seeds; an hour
	@$(MAKE) setup
	@$(MAKE) -j2 build
	@mkdir -p $(SWEEPS)
	$(PRIOT) sweep sweeps/steady-vgg11.yaml $(DATA) --out $(SWEEPS)/steady-vgg11 --json >$(SWEEPS)/steady-vgg11.json
	node scripts/results.mjs

heldout-steady: ## what the steady variant's step was chosen by, on held-out training images; half an hour
	@$(MAKE) setup
	@$(MAKE) -j2 build
	@mkdir -p $(SWEEPS)
	$(PRIOT) sweep sweeps/held-out-steady.yaml $(DATA) --out $(SWEEPS)/held-out-steady --json >$(SWEEPS)/held-out-steady.json
	$(PRIOT) sweep sweeps/held-out-steady-vgg11.yaml $(DATA) --out $(SWEEPS)/held-out-steady-vgg11 --json \
		>$(SWEEPS)/held-out-steady-vgg11.json
	node scripts/results.mjs

robustness-steady: ## the robustness table of the steady variant: five backbones, three seeds, steps of 3 to 6 bits
	@$(MAKE) setup
	@$(MAKE) -j2 build
	@mkdir -p $(SWEEPS)
	@$(MAKE) -j2 $(addsuffix /network.json,$(BACKBONES))
	$(PRIOT) sweep sweeps/robustness-steady.yaml $(DATA) --out $(SWEEPS)/robustness-steady --json \
		>$(SWEEPS)/robustness-steady.json
	node scripts/results.mjs

collapse: ## the table of a collapsing and a healthy session of VGG11; some minutes
	@$(MAKE) setup
	@$(MAKE) -j2 build
	node scripts/collapse.mjs $(DATA_DIR)

picture: ## the picture of the README: accuracy over epochs, 20 sessions; some minutes
	@$(MAKE) setup
	@$(MAKE) -j2 build
	@mkdir -p $(SWEEPS)
	$(PRIOT) sweep sweeps/picture.yaml $(DATA) --out $(SWEEPS)/picture --json >$(SWEEPS)/picture.json
	node scripts/picture.mjs $(SWEEPS)/picture.json docs/images/accuracy.svg

runs/backbones/%/network.json:
	$(PRIOT) pretrain $(DATA) --seed $* --out $(@D)
