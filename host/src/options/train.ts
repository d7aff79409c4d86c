/** The options of train and resume: what is trained, and the device, data and folder it is done with. */
import { type Faults, isFaults, parseFaults } from '../device/faulty/faults.js';
import { text as anyText } from '../json-shape.js';
import { dataDir } from './data.js';
import { flag, type Kind, listOf, text } from './kinds.js';
import { type Complete, type Options, type OptionsOf, option } from './option.js';
import { trainingOptions } from './training.js';

const faultRates: Kind<Faults, string> = {
  placeholder: 'rates',
  rule: 'It must name rates, as seed=9,drop=0.02,reset=0.002.',
  is: isFaults,
  parse: parseFaults,
  word: (faults) =>
    Object.entries(faults)
      .map(([name, value]) => `${name}=${value}`)
      .join(','),
  record: (faults) => JSON.stringify(faults),
  recorded: anyText,
};

/** The options of every verb that talks to a device. */
export const deviceOptions = {
  device: option(
    text('name'),
    'emulator, simulator, or a port such as /dev/ttyACM0 or COM3 (left out: the one priot board that is plugged in, else the emulator)',
  ),
  bootRom: option(
    text('file'),
    "the emulator boots from a dump of an RP2040's own boot ROM (left out: from the one that comes with priot)",
  ),
  faults: option(faultRates, 'test aid: a faulty line to the device, as seed=9,drop=0.02,reset=0.002', {
    hidden: true,
  }),
} satisfies Options;

const trackTarget: Kind<string> = {
  placeholder: 'tracker',
  rule: 'It must be mlflow, mlflow=http://HOST:PORT without user and password, tensorboard=FOLDER or dvclive=FOLDER.',
  is: isTrackTarget,
  parse: (word) => (isTrackTarget(word) ? word : undefined),
  word: (target) => target,
  record: (target) => target,
  recorded: anyText,
};

/** User and password would stand in run.json, which has the command: they belong into the environment. */
function isTrackTarget(value: unknown): value is string {
  if (typeof value !== 'string') return false;
  if (value === 'mlflow' || /^(tensorboard|dvclive)=./.test(value)) return true;
  const address = /^mlflow=(https?:.*)$/.exec(value)?.[1];
  if (address === undefined || !URL.canParse(address)) return false;
  const { username, password } = new URL(address);
  return username === '' && password === '';
}

/** Where runs are sent while they go on. */
export const track = option(
  listOf(trackTarget, 'tracker'),
  'tell a tracker of the run while it goes on: mlflow=http://HOST:PORT (or mlflow: $MLFLOW_TRACKING_URI), tensorboard=FOLDER, dvclive=FOLDER; repeat it for several',
  { repeated: true },
);

const deviceCheckpoint = option(flag, 'the device, too, keeps a checkpoint in its flash after every epoch');

export const trainOptions = {
  ...deviceOptions,
  ...trainingOptions,
  dataDir,
  out: option(text('folder'), 'run folder to make (left out: runs/<time>-<data>-<angle>-<method>)'),
  fromRun: option(text('run'), 'repeat a run exactly, in a new folder', { conflicts: Object.keys(trainingOptions) }),
  track,
  deviceCheckpoint,
  fromDeviceCheckpoint: option(
    flag,
    "go on from the device's checkpoint of this very session, from whatever host it was begun, with the same options",
  ),
} satisfies Options;

export type TrainOptions = OptionsOf<typeof trainOptions>;
export type CompleteTrainOptions = Complete<typeof trainOptions>;

export const resumeOptions = {
  run: option(text('run'), 'folder of the interrupted run', { required: true }),
  dataDir,
  ...deviceOptions,
  track,
  deviceCheckpoint,
} satisfies Options;

export type ResumeOptions = OptionsOf<typeof resumeOptions>;
