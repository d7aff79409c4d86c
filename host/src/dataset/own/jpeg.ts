/** JPEG files by the library jpeg-js, whose work is bounded here by a look at the file's markers. */

import jpeg from 'jpeg-js';
import { checkImageSize, type DecodedImage, unreadable } from './decoded-image.js';

/** A progressive file may have some ten scans; each costs a pass over all blocks. */
const MAXIMUM_SCANS = 100;
const MEMORY_MEGABYTES = 128;

/**
 * Decodes a JPEG file, baseline or progressive, grey or colour. The rotation that a camera notes beside the
 * pixels (EXIF) is not applied.
 *
 * @throws DataError IMAGE_UNREADABLE, IMAGE_TOO_LARGE
 */
export function decodeJpeg(bytes: Uint8Array, path: string): DecodedImage {
  const { height, width, components } = checkMarkers(bytes, path);
  let decoded: { width: number; height: number; data: Uint8Array };
  try {
    decoded = jpeg.decode(bytes, {
      useTArray: true,
      formatAsRGBA: false,
      tolerantDecoding: false,
      maxResolutionInMP: 2,
      maxMemoryUsageInMB: MEMORY_MEGABYTES,
    });
  } catch (cause) {
    throw unreadable(path, 'damaged JPEG, or of a kind that is not supported', cause);
  }
  if (decoded.width !== width || decoded.height !== height) throw unreadable(path, 'damaged JPEG: two sizes');
  // The library repeats grey three times.
  const pixels =
    components === 1 ? Uint8Array.from({ length: height * width }, (_, i) => decoded.data[3 * i]!) : decoded.data;
  return { height, width, channels: components === 1 ? 1 : 3, pixels };
}

/** Size and number of components from the frame's header; every segment must fit, and the file must have its end. */
function checkMarkers(bytes: Uint8Array, path: string): { height: number; width: number; components: number } {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let frame: { height: number; width: number; components: number } | undefined;
  let at = 2;
  for (;;) {
    while (buffer[at] === 0xff && buffer[at + 1] === 0xff) at += 1; // fill bytes
    if (at + 4 > buffer.length) throw unreadable(path, 'JPEG ends early');
    if (buffer[at] !== 0xff) throw unreadable(path, 'damaged JPEG: no marker where one should be');
    const marker = buffer[at + 1]!;
    if (marker === 0xda) break; // the first scan
    const length = buffer.readUInt16BE(at + 2);
    if (length < 2 || at + 2 + length > buffer.length) throw unreadable(path, 'JPEG ends early');
    if (marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker)) {
      if (frame !== undefined || length < 8) throw unreadable(path, 'damaged JPEG: header');
      if (buffer[at + 4] !== 8) throw unreadable(path, `JPEG of ${buffer[at + 4]} bits a sample: 8 are supported`);
      frame = { height: buffer.readUInt16BE(at + 5), width: buffer.readUInt16BE(at + 7), components: buffer[at + 9]! };
      checkImageSize(path, frame.height, frame.width);
    }
    at += 2 + length;
  }
  if (frame === undefined) throw unreadable(path, 'damaged JPEG: no header');
  if (buffer.lastIndexOf(Buffer.of(0xff, 0xd9)) < at) throw unreadable(path, 'JPEG ends early');
  let scans = 0;
  for (let scan = at; scan >= 0; scan = buffer.indexOf(Buffer.of(0xff, 0xda), scan + 2)) {
    scans += 1;
    if (scans > MAXIMUM_SCANS) throw unreadable(path, `JPEG of more than ${MAXIMUM_SCANS} scans`);
  }
  return frame;
}
