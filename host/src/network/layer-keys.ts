/** The keys of a layer in JSON, and what may stand there (docs/networks.md). */
import {
  type Check,
  closedShape,
  complaint,
  type Fields,
  flag,
  integerIn,
  listOf,
  must,
  name as nameOf,
  oneOf,
  optional,
} from '../json-shape.js';
import { hintForKey, type LayerFile } from './layer-hints.js';
import { limits } from './limits.js';
import type { BelowThreshold, LayerShifts } from './network.js';

/** One number for all sides, or one for each. */
export type Sides = number | number[];

/** Keys of a layer whatever it is. */
interface AnyJson {
  name: string;
  op: Operation;
  relu?: boolean;
  edges?: number;
}

/** Keys that a network has beside those of an architecture, in layers that have edges. */
export interface TrainedJson {
  weight_exponent: number;
  bias_exponent?: number;
  shifts?: LayerShifts;
}

export interface Conv2dJson extends AnyJson {
  op: 'conv2d';
  in_shape?: number[];
  out_channels: number;
  groups?: number;
  kernel: Sides;
  stride?: Sides;
  padding?: Sides;
  pool?: 0 | 2;
  below_threshold?: BelowThreshold;
}

export interface LinearJson extends AnyJson {
  op: 'linear';
  in_features?: number;
  out_features: number;
  below_threshold?: BelowThreshold;
}

export interface SumPoolJson extends AnyJson {
  op: 'sum_pool';
  in_shape?: number[];
  relu?: false;
  edges?: 0;
}

/** What a sum_pool of a network has beside that of an architecture. */
interface TrainedSumPoolJson {
  weight_exponent?: 0;
  shifts?: LayerShifts;
}

export type LayerJson = (Conv2dJson | LinearJson | SumPoolJson) & Partial<TrainedJson>;

export const operations = ['conv2d', 'sum_pool', 'linear'] as const;
export type Operation = (typeof operations)[number];

const size = integerIn(1, limits.mapElements);
/** Checks [height, width, channels]. */
export const shapeCheck: Check<number[]> = listOf(size, 3);
export const layerName = nameOf(64);
const edges = integerIn(1, limits.edges);
const exponent = integerIn(-limits.exponent, limits.exponent);
const biasExponent = integerIn(-limits.biasExponent, limits.biasExponent);
const shift = integerIn(0, limits.shift);

/** Checks for one number for all sides, or a list with one for each. */
function sides(minimum: number, names: readonly string[]): Check<Sides> {
  const side = integerIn(minimum, limits.side);
  const each = listOf(side, names.length);
  return (value, path) => {
    if (Array.isArray(value)) return each(value, path);
    if (value !== undefined && side(value, path).length === 0) return [];
    return [complaint(path, value, `a whole number in ${minimum}..${limits.side}, or a list [${names.join(', ')}]`)];
  };
}

const kernel = sides(1, ['rows', 'columns']);
const stride = sides(1, ['rows', 'columns']);
const padding = sides(0, ['top', 'left', 'bottom', 'right']);

const belowThreshold = optional(oneOf('zero', 'negate'));
const zero = optional(must<0>('0', (value) => value === 0));
const no = optional(must<false>('false', (value) => value === false));

const conv2dFields: Fields<Conv2dJson> = {
  ...{ name: layerName, op: oneOf('conv2d'), in_shape: optional(shapeCheck), out_channels: size },
  ...{ groups: optional(size), kernel, stride: optional(stride), padding: optional(padding) },
  ...{ pool: optional(oneOf(0, 2)), relu: optional(flag), edges: optional(edges), below_threshold: belowThreshold },
};
const linearFields: Fields<LinearJson> = {
  ...{ name: layerName, op: oneOf('linear'), in_features: optional(size), out_features: size },
  ...{ relu: optional(flag), edges: optional(edges), below_threshold: belowThreshold },
};
const sumPoolFields: Fields<SumPoolJson> = {
  ...{ name: layerName, op: oneOf('sum_pool'), in_shape: optional(shapeCheck), relu: no, edges: zero },
};

function shiftsCheck(first: boolean, learns: boolean): Check<LayerShifts> {
  const fields = {
    activation: shift,
    ...(first ? {} : { error: shift }),
    ...(learns ? { score: optional(shift), gradient: optional(shift) } : {}),
  };
  const hint = (key: string) => (key === 'error' && first ? 'the first layer computes no error' : undefined);
  return closedShape<LayerShifts>(fields as Fields<LayerShifts>, hint);
}

/** Lists what is wrong with the keys of one layer. `label` is `layer conv1:`. */
export function checkLayer(
  op: Operation,
  file: LayerFile,
  first: boolean,
  json: unknown,
  label: string,
): readonly string[] {
  const trained: Fields<TrainedJson> = {
    weight_exponent: exponent,
    bias_exponent: optional(biasExponent),
    shifts: optional(shiftsCheck(first, true)),
  };
  const trainedSumPool: Fields<TrainedSumPoolJson> = {
    weight_exponent: zero,
    shifts: optional(shiftsCheck(first, false)),
  };
  const check = <Asked, Trained>(asked: Fields<Asked>, more: Fields<Trained>) => {
    const hint = (key: string) => hintForKey(key, file);
    const whole = { ...asked, ...more } as Fields<Asked & Trained>;
    return file === 'network' ? closedShape(whole, hint)(json, label) : closedShape(asked, hint)(json, label);
  };
  if (op === 'conv2d') return check(conv2dFields, trained);
  return op === 'linear' ? check(linearFields, trained) : check(sumPoolFields, trainedSumPool);
}
