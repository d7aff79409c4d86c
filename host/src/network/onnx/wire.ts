/**
 * Protocol-buffer messages by a table of their fields: reading with limits, and writing. A file from elsewhere may be
 * anything; a generated reader makes an object for every two bytes that say so, this one counts them first.
 */
import protobuf from 'protobufjs/minimal.js';

type Reader = protobuf.Reader;
type Writer = protobuf.Writer;

const VARINT = 0;
const LENGTH_DELIMITED = 2;
const FIXED32 = 5;
const FIXED64 = 1;

/** What may still be read: of fields, and of elements in lists of numbers. */
export interface Budget {
  fields: number;
  numbers: number;
}

/** A message that says what it must not. */
export class WireError extends Error {}

/** One field of a message: its number, what it is when absent, and how it is read and written. */
export interface Field<T> {
  readonly number: number;
  absent(): T;
  read(reader: Reader, wireType: number, value: T, budget: Budget): T;
  write(writer: Writer, value: T): void;
}

export type Schema = Readonly<Record<string, Field<unknown>>>;
/** A message of a schema: every field is there, lists are empty and messages undefined when the file has none. */
export type Message<S> = { readonly [K in keyof S]: S[K] extends Field<infer T> ? T : never };
/** What is written: fields left out are absent. */
export type Partly<S> = { readonly [K in keyof S]?: S[K] extends Field<infer T> ? T : never };

function scalar<T>(
  number: number,
  wireType: number,
  absent: T,
  read: (reader: Reader) => T,
  write: (writer: Writer, value: T) => void,
): Field<T> {
  return {
    number,
    absent: () => absent,
    read(reader, found) {
      expectType(found, wireType, number);
      return read(reader);
    },
    write(writer, value) {
      if (value === absent) return;
      write(writer.uint32((number << 3) | wireType), value);
    },
  };
}

/** Numbers one after another: packed into one field, or a field each. */
function numbers(
  number: number,
  wireType: number,
  readOne: (reader: Reader) => number,
  writeOne: (writer: Writer, value: number) => void,
): Field<readonly number[]> {
  const one = (reader: Reader, budget: Budget): number => {
    spend(budget, 'numbers');
    return readOne(reader);
  };
  return {
    number,
    absent: () => [],
    read(reader, found, value, budget) {
      const list = value as number[];
      if (found !== LENGTH_DELIMITED) {
        expectType(found, wireType, number);
        list.push(one(reader, budget));
        return list;
      }
      const end = reader.uint32() + reader.pos;
      if (end > reader.len) throw new WireError(`field ${number} reaches beyond the end`);
      while (reader.pos < end) list.push(one(reader, budget));
      if (reader.pos !== end) throw new WireError(`field ${number} ends within a number`);
      return list;
    },
    write(writer, value) {
      if (value.length === 0) return;
      writer.uint32((number << 3) | LENGTH_DELIMITED).fork();
      for (const element of value) writeOne(writer, element);
      writer.ldelim();
    },
  };
}

function list<T>(
  number: number,
  read: (reader: Reader, budget: Budget) => T,
  write: (writer: Writer, value: T) => void,
): Field<readonly T[]> {
  return {
    number,
    absent: () => [],
    read(reader, found, value, budget) {
      expectType(found, LENGTH_DELIMITED, number);
      (value as T[]).push(read(reader, budget));
      return value;
    },
    write(writer, value) {
      for (const element of value) write(writer.uint32((number << 3) | LENGTH_DELIMITED), element);
    },
  };
}

// int64 of more than 53 bits lose their last ones, which no size or shape needs
const readInteger = (reader: Reader): number => {
  // a number where the package that makes longs of it is not installed
  const value: unknown = reader.int64();
  return typeof value === 'number' ? value : (value as { toNumber(): number }).toNumber();
};
const writeInteger = (writer: Writer, value: number): unknown => writer.int64(value);
const readText = (reader: Reader): string => reader.string();
const writeText = (writer: Writer, value: string): unknown => writer.string(value);

export const integer = (number: number): Field<number> => scalar(number, VARINT, 0, readInteger, writeInteger);
export const float = (number: number): Field<number> =>
  scalar(
    number,
    FIXED32,
    0,
    (reader) => reader.float(),
    (writer, value) => writer.float(value),
  );
export const text = (number: number): Field<string> => scalar(number, LENGTH_DELIMITED, '', readText, writeText);
/** Bytes as they stand in the file: a view, no copy. */
export const bytes = (number: number): Field<Uint8Array | undefined> =>
  scalar<Uint8Array | undefined>(
    number,
    LENGTH_DELIMITED,
    undefined,
    (reader) => reader.bytes(),
    (writer, value) => writer.bytes(value!),
  );
export const integers = (number: number): Field<readonly number[]> =>
  numbers(number, VARINT, readInteger, writeInteger);
export const floats = (number: number): Field<readonly number[]> =>
  numbers(
    number,
    FIXED32,
    (reader) => reader.float(),
    (writer, value) => writer.float(value),
  );
export const doubles = (number: number): Field<readonly number[]> =>
  numbers(
    number,
    FIXED64,
    (reader) => reader.double(),
    (writer, value) => writer.double(value),
  );
export const texts = (number: number): Field<readonly string[]> => list(number, readText, writeText);

/** Reads a message within a message. Of several the last counts. */
export function message<S extends Schema>(number: number, schema: S): Field<Message<S> | undefined> {
  return {
    number,
    absent: () => undefined,
    read(reader, found, _value, budget) {
      expectType(found, LENGTH_DELIMITED, number);
      return readMessage(reader, reader.uint32(), schema, budget);
    },
    write(writer, value) {
      if (value !== undefined) writeMessage(writer.uint32((number << 3) | LENGTH_DELIMITED), schema, value);
    },
  };
}

export const messages = <S extends Schema>(number: number, schema: S): Field<readonly Message<S>[]> =>
  list(
    number,
    (reader, budget) => readMessage(reader, reader.uint32(), schema, budget),
    (writer, value) => writeMessage(writer, schema, value),
  );

/**
 * Decodes a message. Fields that the schema does not name are passed over.
 *
 * @throws WireError, or an error of protobufjs, when the bytes are no such message or exceed the budget
 */
export function decode<S extends Schema>(schema: S, data: Uint8Array, budget: Budget): Message<S> {
  return readMessage(protobuf.Reader.create(data), data.length, schema, budget);
}

/** Encodes a message. */
export function encode<S extends Schema>(schema: S, value: Partly<S>): Uint8Array {
  const writer = protobuf.Writer.create();
  writeFields(writer, schema, value);
  return writer.finish();
}

function readMessage<S extends Schema>(reader: Reader, length: number, schema: S, budget: Budget): Message<S> {
  const end = reader.pos + length;
  if (end > reader.len) throw new WireError('a message reaches beyond the end of what holds it');
  const value: Record<string, unknown> = {};
  for (const [name, field] of Object.entries(schema)) value[name] = field.absent();
  const names = namesOf(schema);
  const outer = reader.len;
  reader.len = end;
  while (reader.pos < end) {
    spend(budget, 'fields');
    const tag = reader.uint32();
    const name = names.get(tag >>> 3);
    if (name === undefined) reader.skipType(tag & 7, 0, tag >>> 3);
    else value[name] = schema[name]!.read(reader, tag & 7, value[name], budget);
  }
  reader.len = outer;
  return value as Message<S>;
}

function writeMessage<S extends Schema>(writer: Writer, schema: S, value: Partly<S>): void {
  writer.fork();
  writeFields(writer, schema, value);
  writer.ldelim();
}

function writeFields<S extends Schema>(writer: Writer, schema: S, value: Partly<S>): void {
  for (const [name, field] of Object.entries(schema)) {
    const given: unknown = value[name];
    if (given !== undefined) field.write(writer, given);
  }
}

const knownNames = new WeakMap<Schema, Map<number, string>>();

function namesOf(schema: Schema): Map<number, string> {
  let names = knownNames.get(schema);
  if (names === undefined) {
    names = new Map(Object.entries(schema).map(([name, field]) => [field.number, name]));
    knownNames.set(schema, names);
  }
  return names;
}

function spend(budget: Budget, what: keyof Budget): void {
  if (--budget[what] < 0) throw new WireError(`it holds too many ${what}`);
}

function expectType(found: number, expected: number, number: number): void {
  if (found !== expected) throw new WireError(`field ${number} has wire type ${found}, not ${expected}`);
}
