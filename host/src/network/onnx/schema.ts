/**
 * What priot reads and writes of ONNX's messages: names and numbers of the fields as onnx.proto has them. Subgraphs,
 * functions, sparse tensors and training information are left out: no network that priot takes has them.
 */
import {
  bytes,
  doubles,
  float,
  floats,
  integer,
  integers,
  type Message,
  message,
  messages,
  text,
  texts,
} from './wire.js';

/** TensorProto.DataType, as far as weights and shapes come in them. */
export const DataType = {
  float: 1,
  uint8: 2,
  int8: 3,
  uint16: 4,
  int16: 5,
  int32: 6,
  int64: 7,
  bool: 9,
  float16: 10,
  double: 11,
  uint32: 12,
  uint64: 13,
  bfloat16: 16,
} as const;

/** AttributeProto.AttributeType; files before IR version 3 leave it out. */
export const AttributeType = { float: 1, int: 2, string: 3, tensor: 4, floats: 6, ints: 7, strings: 8 } as const;

const stringEntry = { key: text(1), value: text(2) };

export const tensorSchema = {
  dims: integers(1),
  dataType: integer(2),
  floatData: floats(4),
  int32Data: integers(5),
  int64Data: integers(7),
  name: text(8),
  rawData: bytes(9),
  doubleData: doubles(10),
  uint64Data: integers(11),
  externalData: messages(13, stringEntry),
  /** 1: the data are in another file */
  dataLocation: integer(14),
};

export const attributeSchema = {
  name: text(1),
  f: float(2),
  i: integer(3),
  s: bytes(4),
  t: message(5, tensorSchema),
  floats: floats(7),
  ints: integers(8),
  type: integer(20),
};

export const nodeSchema = {
  input: texts(1),
  output: texts(2),
  name: text(3),
  opType: text(4),
  attribute: messages(5, attributeSchema),
  domain: text(7),
};

const dimensionSchema = { dimValue: integer(1), dimParam: text(2) };
const shapeSchema = { dim: messages(1, dimensionSchema) };
const tensorTypeSchema = { elemType: integer(1), shape: message(2, shapeSchema) };
const typeSchema = { tensorType: message(1, tensorTypeSchema) };

export const valueInfoSchema = { name: text(1), type: message(2, typeSchema) };

export const graphSchema = {
  node: messages(1, nodeSchema),
  name: text(2),
  initializer: messages(5, tensorSchema),
  docString: text(10),
  input: messages(11, valueInfoSchema),
  output: messages(12, valueInfoSchema),
};

const operatorSetSchema = { domain: text(1), version: integer(2) };

export const modelSchema = {
  irVersion: integer(1),
  producerName: text(2),
  producerVersion: text(3),
  docString: text(6),
  graph: message(7, graphSchema),
  opsetImport: messages(8, operatorSetSchema),
};

export type TensorProto = Message<typeof tensorSchema>;
export type AttributeProto = Message<typeof attributeSchema>;
export type NodeProto = Message<typeof nodeSchema>;
export type ValueInfoProto = Message<typeof valueInfoSchema>;
export type GraphProto = Message<typeof graphSchema>;
export type ModelProto = Message<typeof modelSchema>;
