/** A network and its arithmetic, as network.json and case.json describe it (docs/arithmetic.md, "Networks"). Pure data. */

export type MethodName = 'priot' | 'priot-s' | 'niti-static' | 'niti-dynamic';
export type BelowThreshold = 'zero' | 'negate';

/** Static shifts of a layer, 0..30. `error` is absent in the first layer; a sum_pool has `activation` and `error` alone. */
export interface LayerShifts {
  readonly activation: number;
  readonly error?: number;
  /** priot, priot-s */
  readonly score?: number;
  /** niti-static */
  readonly gradient?: number;
}

interface LayerBase {
  readonly name: string;
  readonly relu: boolean;
  readonly edges: number;
  readonly weightExponent: number;
  /** A bias has the real value `bias * 2^biasExponent`. Present exactly when the layer has a bias. */
  readonly biasExponent?: number;
  readonly belowThreshold: BelowThreshold;
  /** The static shifts. Absent for niti-dynamic and for a network that was not calibrated. */
  readonly shifts?: LayerShifts;
}

export interface Conv2dLayer extends LayerBase {
  readonly op: 'conv2d';
  /** [height, width, channels] */
  readonly inShape: readonly [number, number, number];
  readonly outChannels: number;
  /** Each output channel sees the input channel of the same number alone; there are as many of both. */
  readonly depthwise: boolean;
  /** [rows, columns] */
  readonly kernel: readonly [number, number];
  /** [rows, columns] */
  readonly stride: readonly [number, number];
  /** Zeros around the map: [top, left, bottom, right] */
  readonly padding: readonly [number, number, number, number];
  /** 2x2 maximum, stride 2. */
  readonly pool: boolean;
}

/** The sum over all positions of a map, one output per channel. It has nothing to learn. */
export interface SumPoolLayer extends LayerBase {
  readonly op: 'sum_pool';
  /** [height, width, channels] */
  readonly inShape: readonly [number, number, number];
  readonly relu: false;
  readonly edges: 0;
  readonly weightExponent: 0;
  readonly belowThreshold: 'zero';
}

export interface LinearLayer extends LayerBase {
  readonly op: 'linear';
  readonly inFeatures: number;
  readonly outFeatures: number;
}

export type NetworkLayer = Conv2dLayer | SumPoolLayer | LinearLayer;

/** A network with its frozen weights and biases. */
export interface Network {
  readonly inputExponent: number;
  readonly lossShift: number;
  readonly layers: readonly NetworkLayer[];
  /** All layers one after another, canonical edge order, -127..127. */
  readonly weights: Int8Array;
  /**
   * The biases of the layers that have them, one layer after another, one per output channel, -32767..32767. Absent
   * when no layer has one.
   */
  readonly biases?: Int16Array;
}
