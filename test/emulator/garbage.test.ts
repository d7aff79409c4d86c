import { expect, test } from 'vitest';
import { openEmulator } from '#host/device/emulator/emulator.js';
import { encodeFrame, FrameDecoder } from '#host/link/frame.js';
import { decodeDeviceMessage, encodeRequest, PROTOCOL_VERSION } from '#host/link/messages.js';
import { Xorshift32 } from '#host/random.js';

/** The real firmware, as the session's own tests do it to the simulator: whatever came before, a good frame is answered. */
test('the firmware answers the next good frame after garbage, bad CRCs, and frames that never end', async () => {
  const device = await openEmulator();
  try {
    const random = new Xorshift32(7);
    const noise = Uint8Array.from({ length: 3000 }, () => random.next() & 255);
    const endless = new Uint8Array(9000).fill(0x55);
    const badCrc = encodeFrame(encodeRequest(1, 'hello', { protocolVersion: PROTOCOL_VERSION }));
    badCrc[2] = badCrc[2]! ^ 0x10;
    const unknown = encodeFrame(Uint8Array.of(0x08, 0x05, 0xfa, 0x07, 0x02, 0x01, 0x02)); // field 127: no body of ours
    for (const bytes of [noise, endless, badCrc, unknown]) await device.write(bytes);
    await device.write(Uint8Array.of(0));
    await device.write(encodeFrame(encodeRequest(99, 'hello', { protocolVersion: PROTOCOL_VERSION })));

    const frames = new FrameDecoder();
    const answered: number[] = [];
    for await (const chunk of device.chunks()) {
      for (const payload of frames.push(chunk)) answered.push(decodeDeviceMessage(payload).requestId);
      if (answered.includes(99)) break;
    }
    expect(answered).toContain(99);
  } finally {
    await device.close();
  }
});
