/** A network and its arithmetic, as network.json and case.json describe it (docs/arithmetic.md, "vectors"). Pure data. */

export type MethodName = 'priot' | 'priot-s' | 'niti-static' | 'niti-dynamic';
export type BelowThreshold = 'zero' | 'negate';

/** Static shifts of a layer, 0..30. `error` is absent in the first layer. */
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
  readonly belowThreshold: BelowThreshold;
  /** Absent for niti-dynamic and for a network that was not calibrated. */
  readonly shifts?: LayerShifts;
}

export interface Conv2dLayer extends LayerBase {
  readonly op: 'conv2d';
  /** [height, width, channels] */
  readonly inShape: readonly [number, number, number];
  readonly outChannels: number;
  readonly kernel: number;
  readonly stride: number;
  readonly padding: number;
  readonly pool: boolean;
}

export interface LinearLayer extends LayerBase {
  readonly op: 'linear';
  readonly inFeatures: number;
  readonly outFeatures: number;
}

export type NetworkLayer = Conv2dLayer | LinearLayer;

/** A network with its frozen weights: all layers one after another, canonical edge order, int8 -127..127. */
export interface Network {
  readonly inputExponent: number;
  readonly lossShift: number;
  readonly layers: readonly NetworkLayer[];
  readonly weights: Int8Array;
}
