/** How fast the simulator trains tiny-cnn with PRIOT on one core, host and link included. */
import { fileURLToPath } from 'node:url';
import { loadDataset } from '#host/dataset/dataset.js';
import { shiftsOf } from '#host/dataset/shifts.js';
import { openSimulator } from '#host/device/simulator/simulator.js';
import { Link } from '#host/link/link.js';
import { loadNetwork } from '#host/network/network-file.js';
import { EpochOrder } from '#host/random.js';
import { InputImages } from '#host/training/input-images.js';
import { completeMethodRequest, setUpMethod } from '#host/training/method-request.js';
import { putNetwork } from '#host/training/network-on-device.js';
import { sessionIdOf } from '#host/training/session-id.js';

export interface SimulatorSpeed {
  /** Training steps per second of processor time: on an idle machine, per second of one core. */
  readonly stepsPerSecond: number;
  /** Steps that it was measured over. */
  readonly steps: number;
  /** Share of them that ran the backward pass. */
  readonly activeShare: number;
}

const MODEL = fileURLToPath(new URL('../../models/tiny-cnn-mnist', import.meta.url));
const IMAGES = 1024;
const ANGLE = 45;
const SEED = 0;

/** Trains `epochs` epochs of 1,024 digits turned by 45 degrees after one that warms up; takes some seconds. */
export async function measureSimulatorSpeed(options: { epochs?: number } = {}): Promise<SimulatorSpeed> {
  const epochs = options.epochs ?? 8;
  const { train } = await loadDataset('digits');
  const images = new InputImages(train, 0, IMAGES, shiftsOf(ANGLE));
  const { network: file } = loadNetwork(MODEL);
  const { network, settings, initialState } = setUpMethod(completeMethodRequest({ method: 'priot' }, file), file, SEED);
  const link = await Link.open(await openSimulator());
  try {
    await putNetwork(link, network, settings, initialState);
    const sessionId = sessionIdOf(network, settings, SEED, initialState);
    await link.request('startSession', { sessionId, nextStep: 0 });
    const order = new EpochOrder(SEED, IMAGES);
    let active = 0;
    let start = process.cpuUsage();
    for (let epoch = 0; epoch <= epochs; epoch += 1) {
      if (epoch === 1) {
        active = 0;
        start = process.cpuUsage();
      }
      const frames = Array.from(order.of(epoch), (index) => ({
        label: images.label(index),
        image: images.input(index),
      }));
      for await (const { lossZero } of link.steps({ sessionId, firstStep: epoch * IMAGES }, frames)) {
        if (!lossZero) active += 1;
      }
    }
    const { user, system } = process.cpuUsage(start);
    const steps = epochs * IMAGES;
    return { stepsPerSecond: (steps / (user + system)) * 1e6, steps, activeShare: active / steps };
  } finally {
    await link.close();
  }
}
