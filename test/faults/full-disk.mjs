// Preloaded into priot: the n-th write, or the n-th sync, of a file in the folder PRIOT_FULL_DISK fails as on a full disk;
// so does every later one.
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';

const folder = process.env.PRIOT_FULL_DISK;
let left = Number(process.env.PRIOT_FULL_DISK_AFTER);
const { openSync, writeSync, fsyncSync } = fs;
const files = new Set();

function checkRoom() {
  if (left-- > 0) return;
  throw Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' });
}

fs.openSync = (path, flags, ...rest) => {
  const within = String(path).startsWith(folder);
  const file = openSync(path, flags, ...rest);
  if (within && flags !== 'r') files.add(file);
  else files.delete(file);
  return file;
};
fs.writeSync = (file, ...rest) => {
  if (files.has(file)) checkRoom();
  return writeSync(file, ...rest);
};
fs.fsyncSync = (file) => {
  if (files.has(file)) checkRoom();
  return fsyncSync(file);
};
syncBuiltinESMExports();
