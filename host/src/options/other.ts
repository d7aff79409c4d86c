/** The options of the remaining verbs: sweep, worker, fleet, data, flash and monitor. */
import { places } from '../device/place.js';
import { dataDir } from './data.js';
import { choice, integer, listOf, text } from './kinds.js';
import { type Complete, type Options, type OptionsOf, option } from './option.js';
import { deviceOptions, track } from './train.js';

const MAX_WORKERS = 256;
const MAX_RETRIES = 100;

const queueAddress = 'redis://HOST[:PORT][/DATABASE] or rediss://';

export const sweepOptions = {
  file: option(text('file'), 'sweep file: YAML (docs/sweeps.md)', { required: true }),
  device: option(listOf(text('name'), 'name'), 'emulator, simulator or a port; repeat it for several', {
    default: ['simulator'],
    repeated: true,
    conflicts: ['queue'],
  }),
  workers: option(integer(1, MAX_WORKERS), 'simulators (left out: one per processor core)', { conflicts: ['queue'] }),
  dataDir,
  out: option(text('folder'), 'folder of the run folders (left out: runs/sweeps/<name of the sweep>)'),
  csv: option(text('file'), 'write the table as comma-separated values, too'),
  track: { ...track, conflicts: ['queue'] },
  queue: option(text('address'), `train on the workers of a queue, ${queueAddress} (docs/fleet.md)`),
  place: option(choice(places), 'with --queue: only on devices there'),
  board: option(text('id'), 'with --queue: only on the board of this id (16 digits, as `priot devices` shows it)'),
  label: option(text('label'), 'with --queue: only by workers that have this label'),
  memory: option(integer(1, 2 ** 31, 'bytes'), 'with --queue: only on devices whose arena has so many bytes'),
  retries: option(
    integer(0, MAX_RETRIES),
    'with --queue: times that a session that failed is tried again (left out: 0)',
  ),
} satisfies Options;

export type SweepOptions = OptionsOf<typeof sweepOptions>;
export type CompleteSweepOptions = Complete<typeof sweepOptions>;

const queue = option(text('address'), `the queue, ${queueAddress} (left out: $PRIOT_QUEUE)`);

export const workerOptions = {
  queue,
  device: option(listOf(text('name'), 'name'), 'emulator, simulator or a port; repeat it for several', {
    default: ['simulator'],
    repeated: true,
  }),
  label: option(listOf(text('label'), 'label'), 'what cells may ask for; repeat it for several', {
    repeated: true,
  }),
  name: option(text('name'), 'name of the worker (left out: the name of this machine)'),
  dir: option(text('folder'), 'folder of runs under way', { default: 'runs/worker' }),
  dataDir,
  lockSeconds: option(integer(1, 3600), 'a worker that is silent for so long loses its cells to others', {
    default: 60,
  }),
  uploadSeconds: option(integer(0, 3600), 'from one upload of a checkpoint to the next, at least', { default: 15 }),
  faults: { ...deviceOptions.faults },
} satisfies Options;

export type WorkerOptions = OptionsOf<typeof workerOptions>;
export type CompleteWorkerOptions = Complete<typeof workerOptions>;

export const fleetOptions = {
  queue,
  retry: option(listOf(text('cell'), 'cell'), 'try these failed cells again, or all; repeat it for several', {
    repeated: true,
  }),
  forget: option(integer(0, 36_500), 'remove results that are older than so many days from the store'),
} satisfies Options;

export type FleetOptions = OptionsOf<typeof fleetOptions>;

const cache = option(text('folder'), 'cache folder (default: $XDG_CACHE_HOME/priot, else ~/.cache/priot)');

export const fetchOptions = {
  name: option(text('name'), 'mnist or cifar10', { required: true }),
  from: option(text('folder'), 'take the files (plain or .gz) from this folder instead of the network'),
  cache,
} satisfies Options;

export type FetchOptions = OptionsOf<typeof fetchOptions>;

export const listOptions = { dataDir, cache } satisfies Options;

export type ListOptions = OptionsOf<typeof listOptions>;

export const flashOptions = {
  device: option(
    text('port'),
    'board to ask for its boot ROM (left out: a board in its boot ROM, else the only board)',
  ),
  drive: option(text('dir'), "folder where the boot ROM's drive RPI-RP2 is mounted (left out: it is looked for)"),
  firmware: option(text('uf2'), 'image to put there (left out: the one of this package)'),
} satisfies Options;

export type FlashOptions = OptionsOf<typeof flashOptions>;

export const monitorOptions = {
  port: option(
    text('port'),
    'serial port of the debug probe or adapter (left out: the only one on USB that is no priot board)',
  ),
  baud: option(integer(300, 4_000_000), 'bits a second', { default: 115_200 }),
} satisfies Options;

export type MonitorOptions = OptionsOf<typeof monitorOptions>;
