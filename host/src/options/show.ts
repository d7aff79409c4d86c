/** The options of the verbs that show runs as pages: report and ui. */
import { integer, listOf, text } from './kinds.js';
import { type Options, type OptionsOf, option } from './option.js';

const MAX_PORT = 65_535;

export const reportOptions = {
  runs: option(listOf(text('folder')), 'run folders, or folders that hold some: a sweep', {
    required: true,
    repeated: true,
  }),
  out: option(text('file'), 'page to write, replaced when there is one', { required: true }),
  title: option(text('text'), 'title of the page (left out: the name of the run, or how many there are)'),
  bench: option(
    text('file'),
    'document of `priot bench --kernels fastest,plain --json`: its plain kernels stand beside the cycles by layer',
  ),
} satisfies Options;

export type ReportOptions = OptionsOf<typeof reportOptions>;

export const uiOptions = {
  dir: option(text('dir'), 'folder that holds run folders', { default: 'runs', conflicts: ['queue'] }),
  queue: option(text('address'), 'show the runs of a queue instead: redis://HOST[:PORT][/DATABASE] or rediss://'),
  port: option(integer(0, MAX_PORT), 'port on 127.0.0.1 (0: any free one)', { default: 8020 }),
} satisfies Options;

export type UiOptions = OptionsOf<typeof uiOptions>;
