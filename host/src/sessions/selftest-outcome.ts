/** What a check of `priot selftest` found. */

export interface Outcome {
  readonly status: 'pass' | 'fail' | 'skipped';
  readonly text: string;
  /** What was measured, in the units that the names end with. */
  readonly values: Readonly<Record<string, number | string>>;
}

export type Values = Outcome['values'];
export const pass = (text: string, values: Values = {}): Outcome => ({ status: 'pass', text, values });
export const fail = (text: string, values: Values = {}): Outcome => ({ status: 'fail', text, values });
export const skipped = (text: string): Outcome => ({ status: 'skipped', text, values: {} });
