/* Which plan is chosen: the fastest by estimate that fits, or one that is hardly slower and takes less. */
#include "plan.h"

#include "kernels/kernels.h"
#include "layout.h"
#include "operations/operations.h"

/* A plan this much slower than the fastest that fits (1/16) is taken when it is smaller: memory that buys so little is
 * better left to a larger network. */
#define HARDLY_SLOWER_SHIFT 4

/* Cycles of an active step for 128 multiply-accumulates of a layer, and for a byte of weights in flash, from
 * `priot bench` of tiny-cnn with PRIOT (docs/benchmarks.md). Other networks and methods differ; the order of their
 * plans does not. */
enum {
    CONVOLUTION_FAST = 290,
    CONVOLUTION_PLAIN = 1730,
    CONVOLUTION_STREAMED = 480, /* of VGG11 with PRIOT-S, reads from flash included, as below */
    CONVOLUTION_STREAMED_PLAIN = 2700,
    LINEAR_FAST = 530,
    LINEAR_PLAIN = 1850,
    LINEAR_MASKED = 3130,
    FLASH_READ_BY_UPDATES = 65,    /* few edges of few rows */
    FLASH_READ_BY_ALL_PASSES = 480 /* the rows of the inputs that are not zero, twice */
};

static uint32_t cycles_for_128(const engine_memory_plan *plan, const engine_layer *layer) {
    if (layer->memory.streamed) {
        return plan->fast_kernels ? CONVOLUTION_STREAMED : CONVOLUTION_STREAMED_PLAIN;
    }
    if (!layer->operation->keeps_rows) {
        return plan->fast_kernels ? CONVOLUTION_FAST : CONVOLUTION_PLAIN;
    }
    const uint32_t flash = !layer->memory.weights_in_flash ? 0
                           : plan->effective_weights_kept  ? FLASH_READ_BY_UPDATES
                                                           : FLASH_READ_BY_ALL_PASSES;
    if (!plan->effective_weights_kept) {
        return flash + LINEAR_MASKED;
    }
    return flash + (plan->fast_kernels ? LINEAR_FAST : LINEAR_PLAIN);
}

static uint32_t estimate_cycles(const engine *self) {
    uint64_t sum = 0;
    for (uint32_t l = 0; l < self->layer_count; l++) {
        const engine_layer *layer = &self->layers[l];
        sum += (uint64_t)layer->shape.conv_height * layer->shape.conv_width * layer->shape.edges *
               cycles_for_128(&self->plan, layer);
    }
    sum >>= 7;
    return sum < UINT32_MAX ? (uint32_t)sum : UINT32_MAX;
}

/* The choices that a plan is made of. */
typedef struct {
    bool fast_kernels, effective_weights_kept, weights_in_flash;
    bool streamed;  /* convolutions, as far as they can be */
    bool two_cores; /* after all else is chosen: no other choice depends on it */
} plan_choices;

static void choose(engine *self, const plan_choices *choices) {
    self->plan = (engine_memory_plan){.cores = choices->two_cores ? 2 : 1,
                                      .fast_kernels = choices->fast_kernels,
                                      .effective_weights_kept = choices->effective_weights_kept,
                                      .weights_in_flash = choices->weights_in_flash};
    for (uint32_t l = 0; l < self->layer_count; l++) {
        engine_layer *layer = &self->layers[l];
        engine_layer_memory *memory = &layer->memory;
        const bool keeps_rows = layer->operation->keeps_rows;
        const bool streamed =
            choices->streamed && layer->operation->streams != NULL && layer->operation->streams(layer);
        /* Convolutions that are not streamed keep their effective weights: they are used many times per image. Nothing
         * of them is in flash when the method keeps no frozen weights beside those. */
        *memory = (engine_layer_memory){
            .effective_kept = choices->effective_weights_kept || !(keeps_rows || streamed),
            .weights_in_flash = choices->weights_in_flash && (keeps_rows || streamed || self->method->frozen_weights),
            .streamed = streamed,
        };
        if (layer->operation->group_edges != NULL) {
            layer->operation->group_edges(layer);
        }
        self->plan.flash_bytes += memory->weights_in_flash ? layer->shape.edges : 0;
    }
}

static uint32_t flash_needed(const engine *self) {
    uint32_t bytes = 0;
    for (uint32_t l = 0; l < self->layer_count; l++) {
        const engine_layer *layer = &self->layers[l];
        bytes += layer->memory.weights_in_flash ? engine_flash_bytes(layer) : 0;
    }
    return bytes;
}

/* Whether there is something to stream, in a way that method and flash allow. */
static bool can_stream(const engine *self) {
    bool streamed = false;
    for (uint32_t l = 0; l < self->layer_count; l++) {
        streamed = streamed || self->layers[l].memory.streamed;
    }
    return streamed && self->method->scored_rows != NULL && self->plan.weights_in_flash &&
           !self->plan.effective_weights_kept;
}

/* Whether method, kernels and flash allow what was chosen. */
static bool is_possible(const engine *self, const engine_limits *limits, bool streamed) {
    const engine_memory_plan *plan = &self->plan;
    const bool maskable = self->method->effective_row != NULL, frozen_weights = self->method->frozen_weights;
    if (plan->fast_kernels && self->kernels->memory_bytes == NULL) {
        return false;
    }
    if (plan->weights_in_flash && (!maskable || flash_needed(self) > limits->flash.bytes)) {
        return false;
    }
    if (streamed && !can_stream(self)) {
        return false;
    }
    if (plan->effective_weights_kept) {
        return frozen_weights || !plan->weights_in_flash;
    }
    return maskable && (frozen_weights || plan->weights_in_flash);
}

#define CHOICES 16u /* a bit for each of the four */

static plan_choices choices_of(uint32_t choice) {
    return (plan_choices){.fast_kernels = (choice & 4u) == 0,
                          .effective_weights_kept = (choice & 2u) == 0,
                          .weights_in_flash = (choice & 1u) != 0,
                          .streamed = (choice & 8u) != 0};
}

/* Plans choice 0..CHOICES - 1 without laying it out; false: not possible. */
static bool count_bytes(engine *self, const engine_limits *limits, uint32_t choice) {
    const plan_choices choices = choices_of(choice);
    choose(self, &choices);
    if (!is_possible(self, limits, choices.streamed)) {
        return false;
    }
    engine_lay_out(self, false);
    self->plan.estimated_cycles = estimate_cycles(self);
    return true;
}

/* What all choices together offer. */
typedef struct {
    bool any_fits;
    uint32_t fitting_cycles;                /* of the fastest that fits */
    uint32_t fastest_cycles, fastest_bytes; /* of the fastest of all, whatever it needs */
    engine_memory_plan smallest;
} plan_survey;

static plan_survey survey_plans(engine *self, const engine_limits *limits) {
    plan_survey survey = {.fastest_cycles = UINT32_MAX, .smallest = {.required_bytes = UINT32_MAX}};
    for (uint32_t choice = 0; choice < CHOICES; choice++) {
        if (!count_bytes(self, limits, choice)) {
            continue;
        }
        const engine_memory_plan *plan = &self->plan;
        if (survey.fastest_bytes == 0 || plan->estimated_cycles < survey.fastest_cycles) {
            survey.fastest_cycles = plan->estimated_cycles;
            survey.fastest_bytes = plan->required_bytes;
        }
        if (plan->required_bytes <= limits->arena_bytes &&
            (!survey.any_fits || plan->estimated_cycles < survey.fitting_cycles)) {
            survey.any_fits = true;
            survey.fitting_cycles = plan->estimated_cycles;
        }
        if (plan->required_bytes < survey.smallest.required_bytes) {
            survey.smallest = *plan;
        }
    }
    return survey;
}

/* Whether a second core is asked for, and what it needs fits beside what was chosen for one. */
static bool two_cores_fit(engine *self, const engine_limits *limits, plan_choices choices) {
    if (self->config.cores != 2) {
        return false;
    }
    choices.two_cores = true;
    choose(self, &choices);
    engine_lay_out(self, false);
    return self->plan.required_bytes <= limits->arena_bytes;
}

engine_status engine_plan_memory(engine *self, const engine_limits *limits) {
    const plan_survey survey = survey_plans(self, limits);
    if (!survey.any_fits) {
        self->plan = survey.smallest;
        return ENGINE_OUT_OF_MEMORY;
    }
    const uint64_t hardly_slower = survey.fitting_cycles + (uint64_t)(survey.fitting_cycles >> HARDLY_SLOWER_SHIFT);
    uint32_t chosen = CHOICES, chosen_bytes = UINT32_MAX;
    for (uint32_t choice = 0; choice < CHOICES; choice++) {
        if (count_bytes(self, limits, choice) && self->plan.estimated_cycles <= hardly_slower &&
            self->plan.required_bytes <= limits->arena_bytes && self->plan.required_bytes < chosen_bytes) {
            chosen = choice;
            chosen_bytes = self->plan.required_bytes;
        }
    }
    (void)count_bytes(self, limits, chosen);
    const uint32_t estimated_cycles = self->plan.estimated_cycles;
    plan_choices choices = choices_of(chosen);
    choices.two_cores = two_cores_fit(self, limits, choices);
    choose(self, &choices);
    engine_lay_out(self, true);
    self->flash = limits->flash;
    self->plan.estimated_cycles = estimated_cycles;
    self->plan.fastest_cycles = survey.fastest_cycles;
    self->plan.fastest_bytes = survey.fastest_bytes;
    return ENGINE_OK;
}
