import { describe, expect, it } from '@jest/globals';
import type { PackageRunner, RunnerChunk, RunnerSequence } from '@longhaul/testing';
import { readAnswering, readForced } from './reading.js';

const VOCAB = 8;

/** A model whose next token is the last one and one more; it knows where it is by what it was given. */
class CountingRunner {
  readonly given: number[][] = [];

  step([chunk]: readonly RunnerChunk[]): Promise<Float32Array> {
    const { tokens = [], logitsOf = [] } = chunk ?? {};
    this.given.push([...tokens]);
    // As the runner does: the last row where none is wanted.
    const rows = logitsOf.length > 0 ? logitsOf : [tokens.length - 1];
    const logits = new Float32Array(rows.length * VOCAB);
    rows.forEach((row, i) => (logits[i * VOCAB + (((tokens[row] ?? 0) + 1) % VOCAB)] = 5));
    return Promise.resolve(logits);
  }
}

const runnerOf = () => {
  const counting = new CountingRunner();
  return { counting, runner: counting as unknown as PackageRunner, sequence: {} as RunnerSequence };
};
const prompt = Array.from({ length: 1100 }, (_, i) => i % VOCAB);
const tops = (logits: Float32Array): number[] =>
  Array.from({ length: logits.length / VOCAB }, (_, row) => logits.subarray(row * VOCAB, (row + 1) * VOCAB).indexOf(5));

describe('reading', () => {
  it('keeps the logits of the end of a prompt, over chunks, and those of the answer', async () => {
    const { counting, runner, sequence } = runnerOf();
    const excerpt = { prompt, positions: 100, vocabSize: VOCAB, ends: [] };
    const { answer, prompt: rows, behind } = await readAnswering(runner, sequence, excerpt);
    expect(counting.given.slice(0, 3).map(({ length }) => length)).toEqual([512, 512, 76]);
    expect(tops(rows)).toEqual(prompt.slice(-100).map((token) => (token + 1) % VOCAB));
    expect(answer).toHaveLength(100);
    expect(answer[0]).toBe(((prompt.at(-1) ?? 0) + 1) % VOCAB);
    expect(tops(behind)).toEqual(answer.slice(1));
  });

  it('ends an answer at an end token, and has no logits behind it', async () => {
    const { runner, sequence } = runnerOf();
    const excerpt = { prompt: [0, 1], positions: 50, vocabSize: VOCAB, ends: [4] };
    const { answer, prompt: rows, behind } = await readAnswering(runner, sequence, excerpt);
    expect(answer).toEqual([2, 3, 4]);
    expect(tops(rows)).toEqual([1, 2]);
    expect(tops(behind)).toEqual([3, 4]);
  });

  it('reads a given answer token for token', async () => {
    const { counting, runner, sequence } = runnerOf();
    const reading = await readForced(runner, sequence, {
      prompt: [0],
      positions: 4,
      vocabSize: VOCAB,
      answer: [6, 2, 7],
    });
    expect(counting.given).toEqual([[0], [6], [2]]);
    expect(tops(reading.behind)).toEqual([7, 3]);
  });
});
