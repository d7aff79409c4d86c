/** The methods that `priot train` offers. */
import { UsageError } from '../errors.js';
import type { MethodName } from '../network/network.js';

/** What a method trains with unless told otherwise. */
interface MethodDefaults {
  readonly threshold: number;
}

const methods: Partial<Record<MethodName, MethodDefaults>> = { priot: { threshold: -64 } };

export const trainingMethodNames = Object.keys(methods) as MethodName[];

/** @throws UsageError UNKNOWN_METHOD */
export function trainingMethod(name: MethodName): MethodDefaults {
  const found = methods[name];
  if (found !== undefined) return found;
  const names = trainingMethodNames.join(', ');
  throw new UsageError('UNKNOWN_METHOD', `this priot does not train with ${name}`, `choose one of ${names}`);
}
