/**
 * Which edges PRIOT-S gives a score, by a trial: PRIOT trains the network on the simulator for two epochs, with a score
 * for every edge, and the edges that it wanted to prune most are those (docs/arithmetic.md, "PRIOT-S").
 */
import type { Connection } from '../link/connection.js';
import { readState } from './network-on-device.js';
import { startAtZero, type TrainingPlan } from './plan.js';
import { SessionOnDevice } from './session-on-device.js';

const TRIAL_EPOCHS = 2;
/** PRIOT's. */
const TRIAL_THRESHOLD = -64;

/**
 * Trains for the trial's two epochs and returns how far each score fell, 0..127: canonical order, 0 where it rose.
 * @param connection to a simulator
 * @param plan of the session to come; its network, images and seed are the trial's
 * @throws what the connection throws; the signal's reason
 */
export async function observeTrial(
  connection: Connection,
  plan: TrainingPlan,
  signal: AbortSignal,
): Promise<Int8Array> {
  const { network, seed, training, test, evalSamples, finalSamples } = plan;
  const trial: TrainingPlan = {
    ...{ network, seed, training, test, evalSamples, finalSamples },
    settings: { method: 'priot', threshold: TRIAL_THRESHOLD },
    initialState: new Int8Array(network.weights.length),
    epochs: TRIAL_EPOCHS,
  };
  const device = new SessionOnDevice(connection, trial, startAtZero(trial));
  for await (const _ of device.persistently(() => device.resync(signal), signal)) signal.throwIfAborted();
  for (let epoch = 1; epoch <= TRIAL_EPOCHS; epoch += 1) {
    for await (const _ of device.train(epoch * training.count, () => true, signal)) signal.throwIfAborted();
  }
  const state = await readState(connection.link, network, trial.settings);
  return state.map((score) => Math.max(0, -score));
}
