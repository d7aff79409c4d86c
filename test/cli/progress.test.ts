import { describe, expect, it } from 'vitest';
import { duration, Progress } from '#host/cli/progress.js';

function output(isTTY: boolean) {
  const written: string[] = [];
  return { rewrites: isTTY, columns: isTTY ? 70 : undefined, written, write: (text: string) => written.push(text) };
}

describe('progress', () => {
  it('of more than was expected is a full bar, not the end of what is being done', () => {
    const terminal = output(true);
    new Progress('work', 10, false, 0, terminal, () => 0).update(11);
    expect(terminal.written).toEqual([expect.stringContaining('work [########################] 11/10')]);
  });

  it('is redrawn on a terminal, fits its width without being cut, and is taken away', () => {
    const terminal = output(true);
    let nowMs = 0;
    const progress = new Progress('work', 10, false, 0, terminal, () => nowMs);
    progress.update(1);
    nowMs = 50;
    progress.update(2);
    nowMs = 400;
    progress.update(4, 'twelve chars');
    nowMs = 800;
    progress.update(8, 'a note that has no room beside the speed');
    progress.finish();
    progress.finish();
    expect(terminal.written).toEqual([
      '\r\u001b[Kwork [##......................] 1/10  0.00 ms each, 0 s left',
      '\r\u001b[Kwork [#####.......] 4/10  100 ms each, 1 s left  twelve chars',
      '\r\u001b[Kwork 8/10  0 s left  a note that has no room beside the speed',
      '\r\u001b[K',
    ]);
  });

  it('is a plain line now and then elsewhere', () => {
    const file = output(false);
    let nowMs = 0;
    const progress = new Progress('work', 100, false, 10, file, () => nowMs);
    for (let done = 11; done <= 50; done += 1) {
      nowMs += 300;
      progress.update(done, 'note');
    }
    progress.finish();
    expect(file.written).toEqual([
      'work [######..................] 27/100  300 ms each, 22 s left  note\n',
      'work [###########.............] 44/100  300 ms each, 17 s left  note\n',
    ]);
  });

  it('is silent when told so', () => {
    const terminal = output(true);
    const progress = new Progress('work', 10, true, 0, terminal);
    progress.update(5);
    progress.finish();
    expect(terminal.written).toEqual([]);
  });

  it('says how long', () => {
    expect([1_400, 200_000, 7_500_000].map(duration)).toEqual(['1 s', '3 min 20 s', '2 h 5 min']);
  });
});
