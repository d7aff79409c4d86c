/** Small pictures as data addresses: Windows bitmaps, which every browser shows and which need no compression. */

const HEADER_BYTES = 54;

/**
 * Returns an image as a data address.
 * @param pixels int8 0..127, HWC, one or three channels; other counts are shown by their first channel
 */
export function bitmapDataUri(pixels: Uint8Array, height: number, width: number, channels: number): string {
  const stride = (width * 3 + 3) & ~3;
  const file = Buffer.alloc(HEADER_BYTES + stride * height);
  file.write('BM', 0, 'latin1');
  file.writeUInt32LE(file.length, 2);
  file.writeUInt32LE(HEADER_BYTES, 10);
  file.writeUInt32LE(40, 14);
  file.writeInt32LE(width, 18);
  // a negative height: rows from the top
  file.writeInt32LE(-height, 22);
  file.writeUInt16LE(1, 26);
  file.writeUInt16LE(24, 28);
  file.writeUInt32LE(stride * height, 34);
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      const from = (y * width + x) * channels;
      for (let colour = 0; colour < 3; colour += 1) {
        // blue, green, red
        const value = pixels[from + (channels === 3 ? 2 - colour : 0)] ?? 0;
        file[HEADER_BYTES + y * stride + x * 3 + colour] = Math.min(255, value * 2);
      }
    }
  }
  return `data:image/bmp;base64,${file.toString('base64')}`;
}
