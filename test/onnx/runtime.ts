/** An independent runtime, as the oracle: what ONNX means is what it computes. */
import * as ort from 'onnxruntime-web/wasm';

ort.env.wasm.numThreads = 1;
ort.env.logLevel = 'error';

export interface Feed {
  readonly shape: readonly number[];
  readonly values: Float32Array;
}

/** A file that is loaded. */
export class RuntimeModel {
  private constructor(private readonly session: ort.InferenceSession) {}

  static async load(file: Uint8Array): Promise<RuntimeModel> {
    return new RuntimeModel(await ort.InferenceSession.create(file));
  }

  /** The named output, or the first. */
  async run(feed: Feed, output = this.session.outputNames[0]!): Promise<Float32Array> {
    const input = new ort.Tensor('float32', feed.values, feed.shape);
    const results = await this.session.run({ [this.session.inputNames[0]!]: input });
    return results[output]!.data as Float32Array;
  }
}

/** HWC pixels as a network that was trained on 0..1 takes them: NCHW, in parts of 255. */
export function asNchw(pixels: Uint8Array, height: number, width: number, channels: number): Feed {
  const values = new Float32Array(pixels.length);
  for (let p = 0; p < height * width; p++) {
    for (let c = 0; c < channels; c++) values[c * height * width + p] = pixels[p * channels + c]! / 255;
  }
  return { shape: [1, channels, height, width], values };
}

/** The same numbers in the image's own order. */
export function asNhwc(pixels: Uint8Array, shape: readonly number[]): Feed {
  return { shape, values: Float32Array.from(pixels, (pixel) => pixel / 255) };
}
