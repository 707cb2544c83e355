import { Draws } from '../../draws/draws.js';
import { insertAll, type Origin } from '../insert-all.js';
import { Essay } from '../text/essay.js';
import { NOISE } from '../text/noise.js';
import { wordPair } from '../text/words.js';

export type NeedlePart = 'numbers' | 'words' | 'uuids';

export interface Needle {
  readonly key: string;
  readonly value: string;
}

/** How a haystack is made of its units, and where needles go. */
export interface Haystack {
  /** Fewest units that have room for so many needles. */
  least(needles: number): number;
  /** The text of so many units with the needles in it. The needles stay in their order. */
  write(units: number, needles: readonly string[]): string;
}

/** Depths that RULER puts needles at, in percent: 40 even steps from 0 to 100. */
const DEPTHS = Array.from({ length: 40 }, (_, i) => Math.round((i * 100) / 39));

export function drawPart(draws: Draws, part: NeedlePart): string {
  switch (part) {
    case 'numbers':
      return draws.number(7);
    case 'words':
      return wordPair(draws);
    case 'uuids':
      return draws.uuid();
  }
}

export function needleSentence(values: NeedlePart, { key, value }: Needle): string {
  return `One of the special magic ${values} for ${key} is: ${value}.`;
}

/** Noise sentences, one line each. */
export function noiseHaystack(origin: Origin): Haystack {
  return lines(origin, (count) => Array.from({ length: count }, () => NOISE));
}

/** Prose; needles lie between sentences, at depths of RULER's. */
export function essayHaystack(origin: Origin): Haystack {
  const essay = new Essay(new Draws(...origin, 'essay'));
  return {
    least: () => 1,
    write(units, needles) {
      const chosen = new Draws(...origin, 'depths').positions(needles.length, DEPTHS.length);
      const sentences = essay.sentences(units);
      const places = chosen.map((depth) => Math.floor((sentences.length * (DEPTHS[depth] ?? 0)) / 100));
      return insertAll(sentences, places, needles).join(' ');
    },
  };
}

export interface DistractorOptions {
  readonly keys: NeedlePart;
  readonly values: NeedlePart;
  /** Keys of the real needles: no distractor has one of them. */
  readonly taken: readonly string[];
}

/** Needles that nobody asks for, one line each. */
export function needleHaystack(origin: Origin, { keys, values, taken }: DistractorOptions): Haystack {
  const draws = new Draws(...origin, 'distractors');
  const known: string[] = [];
  const grow = (): void => {
    const key = drawPart(draws, keys);
    const value = drawPart(draws, values);
    if (!taken.includes(key)) known.push(needleSentence(values, { key, value }));
  };
  return lines(origin, (count) => {
    while (known.length < count) grow();
    return known.slice(0, count);
  });
}

function lines(origin: Origin, units: (count: number) => readonly string[]): Haystack {
  return {
    least: (needles) => needles,
    write(count, needles) {
      const places = new Draws(...origin, 'places', count).positions(needles.length, count);
      return insertAll(units(count), places, needles).join('\n');
    },
  };
}
