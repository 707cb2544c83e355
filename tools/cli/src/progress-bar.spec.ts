import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { checkpointSource } from './model-source.js';
import { megabytes, progressBar, rateMeter } from './progress-bar.js';

let written = '';
let now = 0;
beforeEach(() => {
  written = '';
  now = 0;
  jest.spyOn(process.stderr, 'write').mockImplementation((text) => {
    written += String(text);
    return true;
  });
  jest.spyOn(performance, 'now').mockImplementation(() => now);
});
afterEach(() => {
  jest.restoreAllMocks();
});

describe('a progress bar', () => {
  it('without a total shows the bytes and their rate', () => {
    const bar = progressBar('Downloading x', megabytes);
    for (now = 0; now <= 4000; now += 1000) bar.update(now * 2000, null);
    bar.finish();
    expect(written).toBe('Downloading x ...\nDownloading x 8.0 MB, 2.0 MB/s\n');
  });

  it('with a total shows the share as well', () => {
    const bar = progressBar('Downloading x', megabytes);
    bar.update(0, 4e6);
    now = 1000;
    bar.update(1e6, 4e6);
    bar.finish();
    expect(written).toMatch(/\[#{8}\.{22}\] {2}25 % 1\.0 MB of 4\.0 MB, 1\.0 MB\/s\n$/);
  });

  it('says where it is every half minute when it cannot be redrawn', () => {
    const bar = progressBar('Downloading x', megabytes);
    for (now = 0; now <= 90_000; now += 10_000) bar.update(now * 1000, null);
    expect(written.split('\n')).toHaveLength(5);
  });
});

describe('a rate', () => {
  it('is over the last seconds and keeps few marks', () => {
    const rate = rateMeter();
    expect(rate(0, 0)).toBeNull();
    for (let ms = 1000; ms <= 60_000; ms += 1000) rate(ms * 10, ms);
    expect(rate(600_000, 70_000)).toBeLessThan(1000);
  });
});

describe('the name of a model', () => {
  it.each(['__proto__', 'constructor', 'toString'])('may be what objects inherit (%s)', (name) => {
    expect(checkpointSource(name)).toBe(name);
  });
});
