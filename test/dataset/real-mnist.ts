/** Tests that need the real MNIST files run where $PRIOT_DATA has them. */

import { existsSync } from 'node:fs';
import { join } from 'node:path';

export const hasRealMnist = ['mnist/train-images-idx3-ubyte', 'mnist/train-images-idx3-ubyte.gz'].some((file) =>
  existsSync(join(process.env.PRIOT_DATA ?? '/nowhere', file)),
);

export const noRealMnist = 'skipped: $PRIOT_DATA names no folder with mnist/train-images-idx3-ubyte[.gz]';
