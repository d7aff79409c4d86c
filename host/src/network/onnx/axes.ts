/** How the axes of a tensor are made of rows, columns and channels. */

/** A part of an axis: `size` values of an image axis, `step` apart. Axes of size 1 have no atoms. */
export interface Atom {
  readonly axis: string;
  readonly size: number;
  readonly step: number;
}

export interface Axis {
  readonly size: number;
  readonly atoms: readonly Atom[];
}

/** The axis of the images themselves. */
export const BATCH = 'batch';
/** Axes of a map once a layer gave it; an image's own are called by their position until a layer reads them. */
export const MAP_AXES = ['height', 'width', 'channel'] as const;

/** Makes an axis of these atoms; neighbours that are one whole are joined, those of size 1 dropped. */
export function axisOf(atoms: readonly Atom[]): Axis {
  const joined: Atom[] = [];
  for (const atom of atoms.filter(({ size }) => size !== 1)) {
    const last = joined.at(-1);
    if (last !== undefined && last.axis === atom.axis && last.step === atom.step * atom.size) {
      joined[joined.length - 1] = { axis: atom.axis, size: last.size * atom.size, step: atom.step };
    } else {
      joined.push(atom);
    }
  }
  return { size: atoms.reduce((product, { size }) => product * size, 1), atoms: joined };
}

/** Does `first` vary slower than `second` in the tensor that the graph takes? */
export function before(first: Atom, second: Atom): boolean {
  return first.axis === second.axis ? first.step > second.step : first.axis < second.axis;
}

/** Names an atom. A part of an image axis that a Reshape split (a flat 784 into 28x28) is told by its step. */
export function atomName(atom: Atom): string {
  return `${atom.axis} by ${atom.step}`;
}

export function sameAxis(name: string, atom: Atom): boolean {
  return (MAP_AXES as readonly string[]).includes(name) ? name === atom.axis : name === atomName(atom);
}

export function stepOf(name: string): number {
  const [, step = '1'] = / by (\d+)$/.exec(name) ?? [];
  return Number(step);
}

/** Groups the same values, row-major, into axes of these sizes; undefined where that would cut an axis in pieces that do not divide it. */
export function regrouped(before: readonly Axis[], shape: readonly number[]): Axis[] | undefined {
  const parts = before.flatMap((axis) => axis.atoms);
  const axes: Axis[] = [];
  for (const size of shape) {
    const atoms: Atom[] = [];
    let wanted = size;
    while (wanted > 1) {
      const part = parts.shift();
      if (part === undefined) return undefined;
      if (wanted % part.size === 0) {
        atoms.push(part);
        wanted /= part.size;
      } else if (part.size % wanted === 0) {
        const rest = part.size / wanted;
        atoms.push({ axis: part.axis, size: wanted, step: part.step * rest });
        parts.unshift({ axis: part.axis, size: rest, step: part.step });
        wanted = 1;
      } else {
        return undefined;
      }
    }
    axes.push(axisOf(atoms));
  }
  if (parts.length > 0) return undefined;
  return axes;
}
