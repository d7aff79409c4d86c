// Writes the table of docs/results.md, "Why it harms and collapses": two sessions of VGG11, and what their layers look
// like after each epoch, on every eighth training image. Run by make collapse.
//   node scripts/collapse.mjs [FOLDER OF DATA SETS]
import { readFileSync, writeFileSync } from 'node:fs';
import { layerOffsets } from '../dist/host/network/network-shape.js';
import { InputCache, planOfInputs } from '../dist/host/sessions/inputs.js';
import { openDevice } from '../dist/host/sessions/open-device.js';
import { evaluate } from '../dist/host/training/evaluation.js';
import { readState } from '../dist/host/training/network-on-device.js';
import { startAtZero } from '../dist/host/training/plan.js';
import { SessionOnDevice } from '../dist/host/training/session-on-device.js';
import { effectiveWeights, layerHealth } from './layer-health.mjs';
import { replaceBlock } from './marked-block.mjs';

const PAGE = 'docs/results.md';
const SESSION = {
  ...{ model: 'models/vgg11-quarter-cifar10', dataset: 'cifar10', method: 'priot', angle: 30, seed: 0, samples: 1024 },
  ...{ evalSet: 'held-out', evalSamples: 500, evalSource: 0 },
};
const SESSIONS = [
  { mu: 3, epochs: 12, shown: [6, 12] },
  { mu: 4, epochs: 12, shown: [6, 8, 9, 10, 11, 12] },
];
const EVERY = 8;
const percent = (share) => `${(100 * share).toFixed(share < 0.1 ? 1 : 0)} %`;
const fraction = (share) => share.toFixed(2);
/** Rows: what they are called, and how their cell is made of an epoch's measurements. */
const ROWS = [
  ['training accuracy', ({ training }) => fraction(training)],
  ['held-out accuracy', ({ heldOut }) => fraction(heldOut)],
  ...['conv8', 'conv2'].map((name) => [`${name}: deltas at ±127`, (m) => percent(m.layers[name].deltasAtLimit)]),
  ...['conv2', 'conv7'].map((name) => [
    `${name}: scores that crossed in the epoch`,
    (m) => percent(m.layers[name].crossed),
  ]),
  ['conv5: pruned', (m) => percent(m.layers.conv5.pruned)],
  ['conv5: activations at 0', (m) => percent(m.layers.conv5.atZero)],
  ...['conv7', 'conv8'].map((name) => [`${name}: activations at 127`, (m) => percent(m.layers[name].atLimit)]),
  ['conv8: activations at 0', (m) => percent(m.layers.conv8.atZero)],
];

const mean = (values) => (values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length);

/** Means over every eighth training image of what its layers look like, and over all edges of what became of them. */
function measure({ network, settings, training }, before, state, predictions) {
  const weights = effectiveWeights(network, state, settings.threshold);
  const seen = predictions.map((prediction, index) => {
    const health = layerHealth(network, weights, training.input(index * EVERY), training.label(index * EVERY));
    if (health.prediction !== prediction)
      throw new Error(`image ${index * EVERY}: ${health.prediction}, not ${prediction}`);
    return health.layers;
  });
  const offsets = layerOffsets(network);
  const isPruned = (score) => score < settings.threshold;
  const layers = network.layers.map(({ name, edges }, index) => {
    const scores = (all) => all.subarray(offsets[index], offsets[index] + edges);
    const [was, is] = [scores(before), scores(state)];
    const of = (key) => mean(seen.map((image) => image[index][key]).filter((value) => value !== undefined));
    const share = (test) => is.filter(test).length / edges;
    const crossed = share((score, edge) => isPruned(score) !== isPruned(was[edge]));
    const pruned = share(isPruned);
    return [
      name,
      { atZero: of('atZero'), atLimit: of('atLimit'), deltasAtLimit: of('deltasAtLimit'), crossed, pruned },
    ];
  });
  return Object.fromEntries(layers);
}

/** Trains one session on the simulator and measures after each epoch that is shown. */
async function run(dataDir, { mu, epochs, shown }) {
  const { signal } = new AbortController();
  const inputs = await new InputCache().load({ ...SESSION, mu, epochs, dataDir }, undefined, { signal });
  const plan = planOfInputs(inputs);
  const { network, settings, training } = plan;
  const connection = await openDevice({ device: 'simulator' }, { signal });
  const device = new SessionOnDevice(connection, plan, startAtZero(plan));
  for await (const _ of device.persistently(() => device.resync(signal), signal));
  const measured = [];
  let before = plan.initialState;
  const predicted = async (images, count) => {
    const all = [];
    for await (const { prediction } of evaluate(device.link, images, count, { frozen: false })) all.push(prediction);
    return all;
  };
  for (let epoch = 1; epoch <= epochs; epoch++) {
    let correct = 0;
    for await (const event of device.train(epoch * training.count, () => true, signal))
      if (event.type === 'step' && event.correct) correct += 1;
    const state = await readState(device.link, network, settings);
    if (shown.includes(epoch)) {
      const held = await predicted(plan.test, SESSION.evalSamples);
      const heldOut = held.filter((prediction, index) => prediction === plan.test.label(index)).length / held.length;
      const predictions = (await predicted(training, training.count)).filter((_, index) => index % EVERY === 0);
      const layers = measure(plan, before, state, predictions);
      measured.push({ title: `mu ${mu}, epoch ${epoch}`, training: correct / training.count, heldOut, layers });
      process.stderr.write(`mu ${mu}, epoch ${epoch} of ${epochs}\n`);
    }
    before = state;
  }
  const commit = connection.link.hello.firmwareCommit;
  await connection.close();
  return { measured, commit };
}

const dataDir = process.argv[2] ?? process.env.PRIOT_DATA;
const runs = [];
for (const session of SESSIONS) runs.push(await run(dataDir, session));
const columns = runs.flatMap(({ measured }) => measured);
const row = (cells) => `| ${cells.join(' | ')} |`;
const lines = [
  row(['', ...columns.map(({ title }) => title)]),
  row(['---', ...columns.map(() => '--:')]),
  ...ROWS.map(([name, cell]) => row([name, ...columns.map(cell)])),
  '',
  `Simulated, commit ${runs[0].commit}.`,
];
writeFileSync(PAGE, replaceBlock(readFileSync(PAGE, 'utf8'), 'collapse', lines));
