// Preloaded into priot. PRIOT_FAULT_WRITES writes and syncs of files in the folder PRIOT_FAULT_FOLDER succeed; then comes
// PRIOT_FAULT: with `full`, the next one and every later one fail as on a full disk; with `kill`, the process is killed
// with SIGKILL when half of the next write is on the disk.
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';

const folder = process.env.PRIOT_FAULT_FOLDER;
const kind = process.env.PRIOT_FAULT;
let left = Number(process.env.PRIOT_FAULT_WRITES);
const { openSync, writeSync, fsyncSync } = fs;
const files = new Set();

function fail() {
  if (kind === 'full') throw Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' });
  process.kill(process.pid, 'SIGKILL');
  for (;;); // nothing more happens, even where the signal takes its time
}

fs.openSync = (path, flags, ...rest) => {
  const within = String(path).startsWith(folder);
  const file = openSync(path, flags, ...rest);
  if (within && flags !== 'r') files.add(file);
  else files.delete(file);
  return file;
};
fs.writeSync = (file, data, ...rest) => {
  if (files.has(file) && left-- <= 0) {
    if (kind === 'kill') writeSync(file, data.slice(0, data.length / 2));
    fail();
  }
  return writeSync(file, data, ...rest);
};
fs.fsyncSync = (file) => {
  if (files.has(file) && left-- <= 0) fail();
  return fsyncSync(file);
};
syncBuiltinESMExports();
