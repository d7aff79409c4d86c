/** PNG and JPEG files as pixels. The decoders are libraries, each loaded when the first file of its kind is met. */

import { type DecodedImage, unreadable } from './decoded-image.js';

/** Decodes a file, whose kind its first bytes tell. @throws DataError IMAGE_UNREADABLE, IMAGE_TOO_LARGE */
export async function decodeImage(bytes: Uint8Array, path: string): Promise<DecodedImage> {
  if (bytes[0] === 0x89 && bytes[1] === 0x50) {
    const { decodePng } = await import('./png.js');
    return decodePng(bytes, path);
  }
  if (bytes[0] === 0xff && bytes[1] === 0xd8) {
    const { decodeJpeg } = await import('./jpeg.js');
    return decodeJpeg(bytes, path);
  }
  throw unreadable(path, 'neither PNG nor JPEG by its first bytes');
}
