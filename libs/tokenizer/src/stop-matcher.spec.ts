import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { createStopMatcher, MAX_STOP_UNITS, MAX_STOPS } from './index.js';

/** What a stream of pieces shows, the stop found, and which piece completed it. */
function run(stops: string[], pieces: string[], includeStopString = false): [string, string | null, number] {
  const matcher = createStopMatcher(stops, { includeStopString });
  let shown = '';
  for (const [index, piece] of pieces.entries()) {
    const { text, stopped } = matcher.push(piece);
    shown += text;
    if (stopped !== null) return [shown, stopped, index];
  }
  return [shown + matcher.finish(), null, -1];
}

/** The rule, read off the whole text: the first end at which some stop is a suffix; the longest such stop. */
function reference(stops: string[], text: string): [string, string | null] {
  for (let end = 1; end <= text.length; end++) {
    const ended = stops.filter((stop) => text.slice(0, end).endsWith(stop));
    const longest = ended.sort((a, b) => b.length - a.length)[0];
    if (longest !== undefined) return [text.slice(0, end - longest.length), longest];
  }
  return [text, null];
}

describe('createStopMatcher', () => {
  it('a stop string cut by two tokens is found, by the token that completes it', () => {
    expect(run(['</s>'], ['a <', '/s', '>b', 'c'])).toEqual(['a ', '</s>', 2]);
  });

  it('a token that completes a stop string in its middle ends there', () => {
    expect(run(['END'], ['xEN', 'Dyz'])).toEqual(['x', 'END', 1]);
    expect(run(['END'], ['xEN', 'Dyz'], true)).toEqual(['xEND', 'END', 1]);
  });

  it('the stop that ends first wins, and of two that end together the longest', () => {
    expect(run(['abcd', 'bc'], ['abcd'])[1]).toBe('bc');
    expect(run(['c', 'abc'], ['xab', 'c'])).toEqual(['x', 'abc', 1]);
  });

  it('text that turns out not to be a stop is shown as soon as that is certain', () => {
    const matcher = createStopMatcher(['aab']);
    expect(matcher.push('xaa')).toEqual({ text: 'x', stopped: null });
    expect(matcher.push('a')).toEqual({ text: 'a', stopped: null });
    expect(matcher.push('c')).toEqual({ text: 'aac', stopped: null });
  });

  it('agrees with the rule however the text is cut, and holds back no more than it must', () => {
    const text = fc.string({ unit: fc.constantFrom('a', 'b', '😀', '😁'), maxLength: 30 });
    const stop = fc.string({ unit: fc.constantFrom('a', 'b', '😀'), minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(fc.array(text, { maxLength: 6 }), fc.array(stop, { maxLength: 4 }), (pieces, stops) => {
        const [shown, stopped] = run(stops, pieces);
        expect([shown, stopped]).toEqual(reference(stops, pieces.join('')));
        const matcher = createStopMatcher(stops);
        let seen = '';
        let sent = '';
        for (const piece of pieces) {
          const result = matcher.push(piece);
          if (result.stopped !== null) break;
          seen += piece;
          sent += result.text;
          const held = seen.slice(sent.length);
          expect(held === '' || stops.some((s) => s.length > held.length && s.startsWith(held))).toBe(true);
        }
      }),
      { numRuns: 1000 },
    );
  });

  it('refuses empty, overlong, malformed and too many stop strings', () => {
    for (const stops of [[''], ['x'.repeat(MAX_STOP_UNITS + 1)], ['\ud83d'], Array<string>(MAX_STOPS + 1).fill('x')]) {
      expect(() => createStopMatcher(stops)).toThrow(
        expect.objectContaining({ code: 'INVALID_ARGUMENT', field: 'stop' }),
      );
    }
  });
});
