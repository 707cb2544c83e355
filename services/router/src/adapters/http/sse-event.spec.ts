import { describe, expect, it } from '@jest/globals';
import { sseEvent } from './sse-event.js';

/** All that Python's `str.splitlines` splits at. */
const PYTHON_LINE_ENDS = '\n\r\v\f\x1c\x1d\x1e\u0085\u2028\u2029';

describe('a server-sent event', () => {
  it('is one line by every rule of lines, and holds the text unchanged', () => {
    const data = { [`k${PYTHON_LINE_ENDS}`]: `a${PYTHON_LINE_ENDS}\u0000\ud83d\ude00b` };
    const event = sseEvent(data);
    expect(event.endsWith('\n\n')).toBe(true);
    const line = event.slice(0, -2);
    expect(line.match(new RegExp(`[${PYTHON_LINE_ENDS}]`, 'u'))).toBeNull();
    expect(JSON.parse(line.slice('data: '.length))).toEqual(data);
  });
});
