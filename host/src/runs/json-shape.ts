/** Checks parsed JSON against a shape; a complaint names the field, what was expected and what was there. */

/** A complaint such as `summary.steps: expected a whole number from 0, got -1`; undefined when the value fits. */
export type Check = (value: unknown, path: string) => string | undefined;

function expected(what: string, test: (value: unknown) => boolean): Check {
  return (value, path) => {
    if (test(value)) return undefined;
    const got = value === undefined ? 'nothing' : JSON.stringify(value).slice(0, 60);
    return `${path === '' ? 'document' : path}: expected ${what}, got ${got}`;
  };
}

export const text = expected('text', (value) => typeof value === 'string');
export const flag = expected('true or false', (value) => typeof value === 'boolean');
export const finite = expected('a number', (value) => Number.isFinite(value));
export const integer = expected('a whole number', (value) => Number.isSafeInteger(value));
export const count = expected(
  'a whole number from 0',
  (value) => Number.isSafeInteger(value) && (value as number) >= 0,
);
export const fraction = expected('a number 0..1', (value) => typeof value === 'number' && value >= 0 && value <= 1);
export const amount = expected('a number from 0', (value) => Number.isFinite(value) && (value as number) >= 0);
export const timestamp = expected(
  'a time as ISO 8601',
  (value) => typeof value === 'string' && !Number.isNaN(Date.parse(value)),
);

/** Lower-case hexadecimal of `bytes` bytes. */
export function hexadecimal(bytes: number): Check {
  const pattern = new RegExp(`^[0-9a-f]{${2 * bytes}}$`);
  return expected(`${2 * bytes} hexadecimal digits`, (value) => typeof value === 'string' && pattern.test(value));
}

export function oneOf<T extends string | number>(...values: readonly T[]): Check {
  return expected(values.map((value) => JSON.stringify(value)).join(' or '), (value) => values.includes(value as T));
}

export function nullable(check: Check): Check {
  return (value, path) => (value === null ? undefined : check(value, path));
}

export function optional(check: Check): Check {
  return (value, path) => (value === undefined ? undefined : check(value, path));
}

const list = expected('a list', Array.isArray);

export function listOf(check: Check): Check {
  return (value, path) => {
    const complaint = list(value, path);
    if (complaint !== undefined) return complaint;
    for (const [index, item] of (value as unknown[]).entries()) {
      const inner = check(item, `${path}[${index}]`);
      if (inner !== undefined) return inner;
    }
    return undefined;
  };
}

const object = expected('an object', (value) => typeof value === 'object' && value !== null && !Array.isArray(value));

/** Every key of T has its check; keys beyond them are let through, so that newer files stay readable. */
export function shape<T>(checks: { readonly [K in keyof Required<T>]: Check }): Check {
  const entries = Object.entries<Check>(checks);
  return (value, path) => {
    const complaint = object(value, path);
    if (complaint !== undefined) return complaint;
    for (const [key, check] of entries) {
      const inner = check((value as Record<string, unknown>)[key], path === '' ? key : `${path}.${key}`);
      if (inner !== undefined) return inner;
    }
    return undefined;
  };
}
