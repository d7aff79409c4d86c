/**
 * The options of `priot train` that are about its method: defaults, what fits together, and the network, settings and
 * initial state that follow. The measurements behind the defaults are in docs/results.md.
 */
import { UsageError } from '../errors.js';
import { withBelowThreshold } from '../network/below-threshold.js';
import type { MethodName, Network } from '../network/network.js';
import { edgeCount } from '../network/network-shape.js';
import type { MethodSettings } from '../network/open-network.js';
import { widenWeights } from '../network/weight-width.js';
import { longName } from '../options/option.js';
import { type CalibrationSource, methodOptionNames, trainingOptions } from '../options/training.js';
import { drawScores } from '../random.js';
import type { MethodRequest } from '../runs/run-manifest.js';
import { formatBudget, parseBudget } from './score-budget.js';
import { drawScoresAndSelection, scoredCount, selectByTrial, selectLargestWeights } from './scored-edges.js';
import { NO_SCORE } from './scored-state.js';

const DEFAULT_SCORED = 100;
/** The share of scored edges from which on larger steps are better; measured at 0.1 and 0.2. */
const MANY_SCORED = 0.15;

/** Of the steady variant: between the -3 of the paper's and the exact fit; measured on held-out images. */
const STEADY_LAST_ERROR_CORRECTION = -2;
/** The step of the steady variant if one layer learned alone. */
const STEADY_MU_OF_ONE_LAYER = 7;

/** How each method fills in what was left out. */
const completions: Record<MethodName, (asked: MethodRequest, network: Network) => MethodRequest> = {
  priot: (given, network) => {
    const asked = withVariant(given, network);
    const calibrate = asked.calibrate ?? 'transfer';
    const mu = asked.variant === 'steady' ? steadyMu(network) : calibrate === 'source' ? 4 : 5;
    return { ...withMu(asked, calibrate, mu), threshold: asked.threshold ?? -64 };
  },
  'priot-s': (given, network) => {
    const asked = withVariant(given, network);
    if (asked.scored !== undefined && asked.budget?.includes('=')) {
      throw conflicting('--scored', '--budget LAYER=FRACTION', 'the budget says how many edges have scores');
    }
    const scored = asked.scored ?? DEFAULT_SCORED;
    const steady = asked.variant === 'steady';
    const select = asked.select ?? (steady ? 'trial' : 'magnitude');
    const permille = parseBudget(network, asked.budget ?? (select === 'random' ? 'uniform' : 'auto'), scored);
    const { scored: _, ...rest } = asked;
    const mu = steady ? steadyMu(network) : scoredShare(network, permille) >= MANY_SCORED ? 4 : 3;
    return {
      ...withMu(rest, asked.calibrate ?? 'transfer', mu),
      threshold: asked.threshold ?? -32,
      select,
      budget: formatBudget(network, permille),
    };
  },
  'niti-static': (asked) => withMu(asked, asked.calibrate ?? 'transfer', 4),
  'niti-dynamic': (asked) => ({ ...asked, mu: asked.mu ?? 3 }),
};

/**
 * Returns the request with the method's defaults filled in.
 * @throws UsageError OPTION_OF_ANOTHER_METHOD, OPTIONS_CONFLICT, BUDGET_MALFORMED
 */
export function completeMethodRequest(asked: MethodRequest, network: Network): MethodRequest {
  for (const name of methodOptionNames) {
    const having: readonly MethodName[] = trainingOptions[name].methods;
    if (asked[name] === undefined || having.includes(asked.method)) continue;
    throw new UsageError(
      'OPTION_OF_ANOTHER_METHOD',
      `${asked.method} has no --${longName(name)}`,
      `it belongs to ${having.join(', ')}: choose --method or leave the option out`,
    );
  }
  return completions[asked.method](asked, network);
}

/**
 * Fills in what the variant says. The paper's is left out, as it was before there was another. The steady one negates in
 * hidden linear layers, and makes the last layer's errors four times as large as would fit the largest loss.
 */
function withVariant(asked: MethodRequest, network: Network): MethodRequest {
  if (asked.variant !== 'steady') {
    const { variant: _, ...paper } = asked;
    return paper;
  }
  const hidden = network.layers.filter((layer) => layer.op === 'linear').slice(0, -1);
  const belowThreshold =
    asked.belowThreshold ?? (hidden.length > 0 ? `negate:${hidden.map(({ name }) => name).join(',')}` : undefined);
  return {
    ...asked,
    ...(belowThreshold !== undefined && { belowThreshold }),
    ...(asked.calibrate !== 'none' && {
      lastErrorCorrection: asked.lastErrorCorrection ?? STEADY_LAST_ERROR_CORRECTION,
    }),
  };
}

/**
 * Returns the steady variant's mu: a step moves all layers at once, so it is one bit narrower each time the
 * number of layers that learn doubles.
 */
function steadyMu(network: Network): number {
  const learning = network.layers.filter(({ edges }) => edges > 0).length;
  return Math.max(0, STEADY_MU_OF_ONE_LAYER - Math.floor(Math.log2(learning)));
}

/** What a session starts from. */
export interface MethodSetup {
  readonly network: Network;
  readonly settings: MethodSettings;
  readonly initialState: Int8Array;
}

/** The engine ignores the threshold of methods without scores; conformance cases have this one. */
const UNUSED_THRESHOLD = -64;

/**
 * Sets the method up.
 * @param request complete
 * @param network with the shifts that the session will use
 * @param fallen of a trial, how far each score fell; left out: not at all, which leaves the order of magnitudes
 */
export function setUpMethod(
  request: MethodRequest,
  network: Network,
  seed: number,
  fallen: Int8Array = new Int8Array(network.weights.length),
): MethodSetup {
  const { method, variant, belowThreshold, threshold = UNUSED_THRESHOLD, mu } = request;
  const chosen = belowThreshold === undefined ? network : withBelowThreshold(network, belowThreshold);
  const edges = network.layers.map((layer) => layer.edges);
  switch (method) {
    case 'priot': {
      const drawn = drawScores(edges, seed);
      // the whole network at step 0
      const initialState = variant === 'steady' ? drawn.map((score) => Math.max(score, threshold)) : drawn;
      return { network: chosen, settings: { method, threshold }, initialState };
    }
    case 'priot-s': {
      const permille = parseBudget(network, request.budget!, 0);
      const scored =
        request.select === 'random'
          ? drawScoresAndSelection(edges, permille, seed).scored
          : request.select === 'trial'
            ? selectByTrial(fallen, network.weights, edges, permille)
            : selectLargestWeights(network.weights, edges, permille);
      const initialState = Int8Array.from(scored, (flag) => (flag === 1 ? 0 : NO_SCORE));
      return { network: chosen, settings: { method, threshold, scored }, initialState };
    }
    case 'niti-static':
      return trainedWeights(network, { method, threshold });
    case 'niti-dynamic':
      return trainedWeights(network, { method, threshold, mu: mu! });
  }
}

function trainedWeights(network: Network, settings: MethodSettings): MethodSetup {
  const wide = widenWeights(network);
  return { network: wide, settings, initialState: wide.weights.slice() };
}

function withMu(asked: MethodRequest, calibrate: CalibrationSource, mu: number): MethodRequest {
  if (calibrate !== 'none') return { ...asked, calibrate, mu: asked.mu ?? mu };
  for (const option of ['mu', 'lastErrorCorrection', 'firstScoreCorrection'] as const) {
    if (asked[option] === undefined) continue;
    throw conflicting(
      `--${longName(option)}`,
      '--calibrate none',
      "the network's file has its shifts, and this in them",
    );
  }
  return { ...asked, calibrate };
}

function scoredShare(network: Network, permille: readonly number[]): number {
  const scored = network.layers.reduce((sum, { edges }, index) => sum + scoredCount(edges, permille[index]!), 0);
  return scored / edgeCount(network);
}

function conflicting(first: string, second: string, why: string): UsageError {
  return new UsageError(
    'OPTIONS_CONFLICT',
    `${first} and ${second} exclude each other: ${why}`,
    'leave one of them out',
  );
}
