/** What to write instead of operations and keys that other tools have and priot does not. */

/** A file of a whole network, or of the layers that one is to be made of. */
export type LayerFile = 'network' | 'architecture';

const operationHints: readonly (readonly [names: readonly string[], hint: string])[] = [
  [
    ['batchnorm', 'batchnorm2d', 'batchnormalization', 'batchnormalisation', 'bn'],
    'batch normalisation is folded into the weights and the bias of the layer before it, as priot import does',
  ],
  [
    ['avgpool', 'avgpool2d', 'averagepool', 'averagepooling', 'averagepooling2d', 'meanpool'],
    'an average over the whole map is a sum_pool whose 1/(height * width) goes into the weights of the linear layer above it; there is no other average pool',
  ],
  [
    ['globalaveragepool', 'globalavgpool', 'globalaveragepooling2d', 'gap', 'adaptiveavgpool2d', 'reducemean', 'mean'],
    'write it as a sum_pool, and multiply the weights of the linear layer above it by 1/(height * width)',
  ],
  [
    ['maxpool', 'maxpool2d', 'maxpooling2d', 'pool'],
    'a 2x2 max pool with stride 2 is "pool": 2 in the convolution before it; there is no other max pool',
  ],
  [['relu', 'relu6', 'activation'], 'a ReLU is "relu": true in the layer before it'],
  [['flatten', 'reshape'], 'leave it out: what goes into a linear layer is flattened as it is, HWC'],
  [['dropout', 'identity', 'softmax', 'logsoftmax'], 'leave it out: it does not change the prediction'],
  [
    ['depthwise', 'depthwiseconv2d', 'depthwiseconv', 'dwconv'],
    'a depthwise convolution is a conv2d with "groups": the number of its input channels',
  ],
  [['conv', 'conv2', 'convolution', 'convolution2d'], 'a convolution is a conv2d'],
  [['fc', 'dense', 'gemm', 'matmul', 'fullyconnected', 'innerproduct'], 'a fully connected layer is linear'],
  [['add', 'residual', 'concat', 'concatenate', 'skip'], 'layers follow one another, without branches'],
];

/** Returns what to write instead of an unknown operation; undefined for one that nothing is known of. */
export function hintForOperation(op: unknown): string | undefined {
  return typeof op === 'string' ? lookUp(operationHints, op) : undefined;
}

const networkBias =
  'a layer has a bias when it has a bias_exponent; the biases stand in bias.bin beside the file, and priot import writes both';
const architectureBias = 'priot pretrain learns no biases; priot import brings a trained network that has them';

const keyHints: readonly (readonly [names: readonly string[], hint: string])[] = [
  [
    ['batchnorm', 'batchnormalization', 'batchnormalisation', 'bn', 'normalization', 'norm'],
    'there is no batch normalisation; priot import folds it into the weights and the bias of the layer',
  ],
  [['dilation', 'dilations', 'dilationrate'], 'there is no dilation'],
  [['activation', 'nonlinearity'], 'a ReLU is "relu": true; there is no other activation'],
  [['kernelsize', 'kernelshape', 'k'], 'write kernel'],
  [['strides', 's'], 'write stride'],
  [['pad', 'pads', 'p', 'autopad'], 'write padding: one number, or [top, left, bottom, right]'],
  [['filters', 'channels', 'outputchannels', 'depth'], 'write out_channels'],
  [['units', 'outputs', 'neurons', 'features'], 'write out_features'],
  [['group'], 'write groups'],
  [['depthwise'], 'write groups: the number of input channels'],
  [['maxpool', 'pooling', 'poolsize'], 'write "pool": 2'],
  [['dropout', 'dropoutrate'], 'there is no dropout'],
  [['type', 'kind', 'operation', 'layer'], 'write op'],
];

const pretrainingChooses = ['weightexponent', 'shifts', 'inputexponent', 'lossshift'];

/** Returns what to write instead of an unknown key; undefined for one that nothing is known of. */
export function hintForKey(key: string, file: LayerFile): string | undefined {
  const plain = normalised(key);
  if (['bias', 'biases', 'usebias', 'biasexponent'].includes(plain)) {
    return file === 'network' ? networkBias : architectureBias;
  }
  if (file === 'architecture' && pretrainingChooses.includes(plain)) {
    return 'priot pretrain chooses it: leave it out of an architecture';
  }
  return lookUp(keyHints, key);
}

function lookUp(table: readonly (readonly [readonly string[], string])[], word: string): string | undefined {
  const plain = normalised(word);
  return table.find(([names]) => names.includes(plain))?.[1];
}

function normalised(word: string): string {
  return word.toLowerCase().replaceAll(/[^a-z0-9]/g, '');
}
