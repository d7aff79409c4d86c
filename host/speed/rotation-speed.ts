/** How fast the host rotates images. */
import { loadDataset } from '#host/dataset/dataset.js';
import { imagePixels } from '#host/dataset/image-set.js';
import { imageInputs } from '#host/dataset/rotation.js';
import { repeatFor } from './repeat-for.js';

export interface RotationSpeed {
  /** Images of 28 x 28 per second of one core, rotated and halved. */
  readonly imagesPerSecond: number;
  /** Images per second that are halved only, in the same run. */
  readonly unrotatedPerSecond: number;
}

const IMAGES = 512;
const ANGLE = 45;

export async function measureRotationSpeed(): Promise<RotationSpeed> {
  const { train } = await loadDataset('digits');
  const perSecond = (work: (index: number) => unknown) =>
    IMAGES *
    repeatFor(() => {
      for (let index = 0; index < IMAGES; index += 1) work(index);
    });
  return {
    imagesPerSecond: perSecond((index) => imageInputs(train, index, ANGLE)),
    unrotatedPerSecond: perSecond((index) => imagePixels(train, index).map((pixel) => pixel >> 1)),
  };
}
