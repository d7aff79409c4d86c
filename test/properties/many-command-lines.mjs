// Runs the command line many times in one process: main.js takes its arguments from process.argv when it is imported.
// stdin: a JSON array of argument arrays. Last line of stdout: a JSON array of { status, stderr }.
import { text } from 'node:stream/consumers';

const main = new URL('../../dist/host/cli/main.js', import.meta.url);
const commandLines = JSON.parse(await text(process.stdin));
const results = [];
const write = process.stdout.write.bind(process.stdout);
process.stdout.setMaxListeners(0);
for (const [index, args] of commandLines.entries()) {
  let stderr = '';
  // both say that they are done, as streams do: the command line waits for that before it ends
  const drop = (...given) => {
    given.findLast((value) => typeof value === 'function')?.();
    return true;
  };
  const take = (chunk, ...others) => {
    stderr += chunk;
    return drop(...others);
  };
  process.stdout.write = drop;
  process.stderr.write = take;
  process.argv = [process.argv[0], 'priot', ...args];
  process.exitCode = undefined;
  try {
    await import(`${main.href}?${index}`);
    results.push({ status: process.exitCode ?? 0, stderr });
  } catch (error) {
    results.push({ status: null, stderr: `${stderr}${error.stack}` });
  }
}
process.exitCode = 0;
write(`\n${JSON.stringify(results)}\n`);
