import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { plainStops } from '../testing/plain-stops.js';
import { StopScan, type TextPiece } from './stop-scan.js';

const plain = (text: string): TextPiece => ({ shown: text, full: text });
/** A special token that is left out of the text. */
const special = (text: string): TextPiece => ({ shown: '', full: text });

function scanOf(stops: readonly string[], include: boolean): StopScan {
  const open = () => plainStops(stops, { includeStopString: false });
  return new StopScan({ full: open(), shown: open() }, include);
}

/** What a stream of pieces shows, the stop found, and which piece completed it. */
function run(stops: readonly string[], pieces: readonly TextPiece[], include = false): [string, string | null, number] {
  const scan = scanOf(stops, include);
  let text = '';
  for (const [index, piece] of pieces.entries()) {
    const emission = scan.push(piece);
    text += emission.text;
    if (emission.stopped !== null) return [text, emission.stopped, index];
  }
  return [text + scan.finish(), null, -1];
}

/** The rule, one character after the other. */
function reference(stops: readonly string[], pieces: readonly TextPiece[]): [string, string | null, number] {
  let full = '';
  let shown = '';
  /** Length of the shown text before each character of the full text. */
  const before: number[] = [];
  for (const [index, piece] of pieces.entries()) {
    for (const character of piece.full) {
      before.push(shown.length);
      full += character;
      if (piece.shown !== '') shown += character;
      const cutOf = (stop: string): number =>
        full.endsWith(stop) ? (before[full.length - stop.length] ?? 0) : shown.length - stop.length;
      const found = stops
        .filter((stop) => full.endsWith(stop) || (piece.shown !== '' && shown.endsWith(stop)))
        .sort((a, b) => b.length - a.length)[0];
      if (found !== undefined) return [shown.slice(0, cutOf(found)), found, index];
    }
  }
  return [shown, null, -1];
}

describe('stop strings', () => {
  it('match a special token that the text does not show', () => {
    expect(run(['<end>'], [plain('ab'), special('<end>')])).toEqual(['ab', '<end>', 1]);
    expect(run(['<end>'], [plain('ab'), special('<end>')], true)).toEqual(['ab<end>', '<end>', 1]);
  });

  it('match text that ends in, begins with or contains a special token', () => {
    const pieces = [plain('abc'), special('<x>'), plain('de')];
    expect(run(['c<x>'], pieces)).toEqual(['ab', 'c<x>', 1]);
    expect(run(['<x>d'], pieces)).toEqual(['abc', '<x>d', 2]);
    expect(run(['bc<x>d'], pieces)).toEqual(['a', 'bc<x>d', 2]);
    expect(run(['bc<x>d'], pieces, true)).toEqual(['abc<x>d', 'bc<x>d', 2]);
  });

  it('match shown text across a special token that it does not show', () => {
    expect(run(['cd'], [plain('abc'), special('<x>'), plain('de')])).toEqual(['ab', 'cd', 2]);
  });

  it('hold back what may begin one, and show it when it is none', () => {
    const scan = scanOf(['c<x>d'], false);
    expect(scan.push(plain('abc'))).toEqual({ text: 'ab', stopped: null });
    expect(scan.push(special('<x>'))).toEqual({ text: '', stopped: null });
    expect(scan.push(plain('e'))).toEqual({ text: 'ce', stopped: null });
  });

  it('find the same as the rule, however tokens are cut and whatever is special', () => {
    const text = fc.string({ unit: fc.constantFrom('a', 'b'), minLength: 1, maxLength: 4 });
    const piece = fc.oneof(text.map(plain), fc.constantFrom('<a>', '<b>').map(special));
    const stop = fc.array(fc.constantFrom('a', 'b', '<a>', '<b>'), { minLength: 1, maxLength: 3 });
    const stops = fc.array(
      stop.map((parts) => parts.join('')),
      { minLength: 1, maxLength: 4 },
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), stops, (pieces, strings) => {
        expect(run(strings, pieces)).toEqual(reference(strings, pieces));
      }),
      { numRuns: 3000 },
    );
  });

  it('cut a text right that an unfinished character before a special token has changed', () => {
    const broken: TextPiece = { shown: '€xy', full: '�xy' };
    expect(run(['y'], [special('�<x>'), broken])).toEqual(['€x', 'y', 1]);
  });
});
