/** The options of selftest. */
import { flag, integer, text } from './kinds.js';
import { type Complete, type Options, type OptionsOf, option } from './option.js';
import { deviceOptions } from './train.js';

const MAX_MEGABYTES = 4096;

export const selfTestOptions = {
  ...deviceOptions,
  megabytes: option(
    integer(1, MAX_MEGABYTES),
    'MB of frames to send there and back (left out: 64 on a board, or what goes in 90 s; 1 on the emulator)',
  ),
  interactive: option(flag, 'ask for the board to be unplugged and plugged in again, and see that it comes back'),
  out: option(text('file'), 'where the results are written, to be attached to a report', { default: 'selftest.json' }),
} satisfies Options;

export type SelfTestOptions = OptionsOf<typeof selfTestOptions>;
export type CompleteSelfTestOptions = Complete<typeof selfTestOptions>;
