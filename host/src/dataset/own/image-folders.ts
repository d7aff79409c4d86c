/** Data sets of images in folders: `train/CLASS/…` and `test/CLASS/…`, or `CLASS/…` alone. */

import { readdirSync, statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { DataError } from '../../errors.js';
import { sha256 } from '../../files.js';
import { decodeImage } from './decode-image.js';
import type { DecodedImage } from './decoded-image.js';
import { checkSize, type LabelledImages, type SetFromFiles } from './labelled-images.js';

const READ = ['.png', '.jpg', '.jpeg'];
/** Images that are not read: left out in silence, they would be missed. */
const REFUSED = ['.bmp', '.gif', '.webp', '.tif', '.tiff', '.heic', '.avif', '.ppm', '.pgm'];
const MAXIMUM_FILE_BYTES = 16 * 2 ** 20;

/** Says whether a folder has this layout: class folders below `train`, or directly. */
export function isImageFolder(folder: string, names: readonly string[]): boolean {
  const halves = names.includes('train') ? [join(folder, 'train')] : [folder];
  return halves.some((half) => foldersIn(half).some((name) => imagesIn(join(half, name)).length > 0));
}

/**
 * Reads a set of image folders. Classes are the folders of `train` in the order of their names, by code
 * unit; within a class images are in the order of their names. Grey and colour images together become colour.
 *
 * @throws DataError IMAGE_UNREADABLE, IMAGE_TOO_LARGE, MIXED_SIZES, EMPTY_CLASS, BAD_CLASS_NAMES, SET_TOO_LARGE,
 * FILE_UNREADABLE; the signal's reason
 */
export async function readImageFolders(
  folder: string,
  names: readonly string[],
  signal?: AbortSignal,
): Promise<SetFromFiles> {
  const divided = names.includes('train');
  const trainFolder = divided ? join(folder, 'train') : folder;
  const classNames = foldersIn(trainFolder);
  const testFolder = join(folder, 'test');
  const files: { name: string; sha256: string }[] = [];
  const train = await readHalf(trainFolder, divided ? 'train/' : '', classNames, files, signal);
  let test: Half | undefined;
  if (divided && names.includes('test')) {
    const unknown = foldersIn(testFolder).find((name) => !classNames.includes(name));
    if (unknown !== undefined) {
      throw new DataError(
        'BAD_CLASS_NAMES',
        `${join(testFolder, unknown)}: there is no class ${unknown} in ${trainFolder}`,
        'give both the same folders',
      );
    }
    test = await readHalf(testFolder, 'test/', classNames, files, signal);
  }
  const channels = Math.max(train.channels, test?.channels ?? 1);
  const first = train.images[0]!;
  return {
    format: 'images',
    train: packed(trainFolder, train, channels, first),
    ...(test && { test: packed(testFolder, test, channels, first) }),
    classNames,
    files,
  };
}

interface NamedImage extends DecodedImage {
  readonly path: string;
}

interface Half {
  readonly images: readonly NamedImage[];
  readonly labels: readonly number[];
  readonly channels: number;
}

async function readHalf(
  folder: string,
  prefix: string,
  classNames: readonly string[],
  files: { name: string; sha256: string }[],
  signal: AbortSignal | undefined,
): Promise<Half> {
  const images: NamedImage[] = [];
  const labels: number[] = [];
  let bytes = 0;
  for (const [label, className] of classNames.entries()) {
    const classFolder = join(folder, className);
    const names = imagesIn(classFolder);
    if (names.length === 0) {
      throw new DataError(
        'EMPTY_CLASS',
        `${classFolder} has no PNG or JPEG image`,
        'add images, or take the class out',
      );
    }
    const sums: string[] = [];
    for (const name of names) {
      signal?.throwIfAborted();
      const path = join(classFolder, name);
      const content = await readImageFile(path, signal);
      sums.push(`${name}\0${sha256(content)}\n`);
      const image = { ...(await decodeImage(content, path)), path };
      checkSameSize(images[0] ?? image, image);
      bytes += image.pixels.length;
      checkSize(folder, Math.ceil(bytes / image.pixels.length), image.height, image.width, image.channels);
      images.push(image);
      labels.push(label);
    }
    files.push({ name: `${prefix}${className}`, sha256: sha256(...sums) });
  }
  return { images, labels, channels: Math.max(...new Set(images.map((image) => image.channels))) };
}

async function readImageFile(path: string, signal: AbortSignal | undefined): Promise<Uint8Array> {
  try {
    const { size } = statSync(path);
    if (size <= MAXIMUM_FILE_BYTES) return await readFile(path, { signal });
  } catch (cause) {
    signal?.throwIfAborted();
    const { code } = cause as NodeJS.ErrnoException;
    throw new DataError('FILE_UNREADABLE', `cannot read ${path} (${code})`, 'check that it may be read', { cause });
  }
  throw new DataError('IMAGE_TOO_LARGE', `${path} has more than ${MAXIMUM_FILE_BYTES} bytes`, 'scale the images down');
}

function checkSameSize(first: NamedImage, image: NamedImage): void {
  if (image.height === first.height && image.width === first.width) return;
  throw new DataError(
    'MIXED_SIZES',
    `${image.path} is ${image.height}x${image.width}, ${first.path} is ${first.height}x${first.width}`,
    'a network takes images of one size: scale them to it',
  );
}

function packed(folder: string, { images, labels }: Half, channels: number, first: NamedImage): LabelledImages {
  const { height, width } = first;
  checkSameSize(first, images[0]!);
  checkSize(folder, images.length, height, width, channels);
  const size = height * width * channels;
  const pixels = new Uint8Array(images.length * size);
  for (const [index, image] of images.entries()) {
    const place = pixels.subarray(index * size, (index + 1) * size);
    if (image.channels === channels) place.set(image.pixels);
    else for (let i = 0; i < size; i++) place[i] = image.pixels[Math.floor(i / 3)]!;
  }
  return { count: images.length, height, width, channels, pixels, labels: Int32Array.from(labels) };
}

/**
 * Lists the folders in the order of their names by code unit, which no language setting changes. Hidden ones are left
 * out.
 */
function foldersIn(folder: string): string[] {
  return entries(folder).filter((name) => statSync(join(folder, name), { throwIfNoEntry: false })?.isDirectory());
}

function imagesIn(folder: string): string[] {
  const names = entries(folder);
  const refused = names.find((name) => REFUSED.includes(extname(name).toLowerCase()));
  if (refused !== undefined) {
    throw new DataError(
      'IMAGE_UNREADABLE',
      `${join(folder, refused)}: images of this kind are not read`,
      'save it as PNG, or take it out of the folder',
    );
  }
  return names.filter((name) => READ.includes(extname(name).toLowerCase()));
}

function entries(folder: string): string[] {
  try {
    return readdirSync(folder)
      .filter((name) => !name.startsWith('.'))
      .sort();
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    throw new DataError(
      'FILE_UNREADABLE',
      `cannot read ${folder} (${code})`,
      'check that it is a folder and may be read',
      { cause },
    );
  }
}
