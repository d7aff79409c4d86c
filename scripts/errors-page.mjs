// Writes the tables of docs/errors.md from the table of error codes (`make errors-page`); --check only compares them.
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { exitStatusOfClass } from '../dist/host/cli/exit-status.js';
import { errorAreas } from '../dist/host/error-codes.js';
import { replaceBlock } from './marked-block.mjs';

const PAGE = fileURLToPath(new URL('../docs/errors.md', import.meta.url));

/** The lines between the marks of docs/errors.md. */
function errorTables() {
  return Object.entries(errorAreas).flatMap(([area, codes]) => [
    '',
    `## ${area}`,
    '',
    '| code | class | exit | how it comes about | what to do |',
    '|---|---|---|---|---|',
    ...Object.entries(codes).map(
      ([code, { class: kind, cause, remedy, recovery }]) =>
        `| \`${code}\` | ${kind}${recovery === 'session' ? ', passes' : ''} | ${exitStatusOfClass[kind]} | ${cause} | ${remedy} |`,
    ),
  ]);
}

const page = readFileSync(PAGE, 'utf8');
const made = replaceBlock(page, 'codes', [...errorTables(), '']);
if (!process.argv.includes('--check')) writeFileSync(PAGE, made);
else if (made !== page) {
  process.stderr.write('docs/errors.md is not what the table of error codes makes: make errors-page\n');
  process.exitCode = 1;
}
