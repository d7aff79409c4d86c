/** The options of the remaining verbs: sweep, data, flash and monitor. */
import { dataDir } from './data.js';
import { integer, listOf, text } from './kinds.js';
import { type Options, type OptionsOf, option } from './option.js';
import { track } from './train.js';

const MAX_WORKERS = 256;

export const sweepOptions = {
  file: option(text('file'), 'sweep file: YAML (docs/sweeps.md)', { required: true }),
  device: option(listOf(text('name'), 'name'), 'emulator, simulator or a port; repeat it for several', {
    default: ['simulator'],
    repeated: true,
  }),
  workers: option(integer(1, MAX_WORKERS), 'simulators (left out: one per processor core)'),
  dataDir,
  out: option(text('folder'), 'folder of the run folders (left out: runs/sweeps/<name of the sweep>)'),
  csv: option(text('file'), 'write the table as comma-separated values, too'),
  track,
} satisfies Options;

export type SweepOptions = OptionsOf<typeof sweepOptions>;

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
