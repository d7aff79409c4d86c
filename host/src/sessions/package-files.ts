/** Files that come with the package. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The folder of package.json. */
export const packageRoot = fileURLToPath(new URL('../../..', import.meta.url));

export const defaultModel = 'models/tiny-cnn-mnist';
export const defaultCases = join(packageRoot, 'test/conformance');

interface PackageDescription {
  version: string;
  dependencies: Record<string, string>;
}

export function packageDescription(): PackageDescription {
  return JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8')) as PackageDescription;
}

/** Returns a folder as the user named it; when there is none, the package's own of that name. */
export function resolveModel(name: string): string {
  const own = join(packageRoot, name);
  return existsSync(name) || !existsSync(own) ? name : own;
}
