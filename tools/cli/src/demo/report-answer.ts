import type { Answer } from './ask-over.js';

/** One answer to a question that the lines do not repeat: what was said, and what it took. */
export function answerLines(answer: Answer, isRight: boolean): readonly string[] {
  const computed = answer.promptTokens - answer.cachedTokens;
  const counts = `prompt ${answer.promptTokens} tokens, ${answer.cachedTokens} from the prefix cache, ${computed} computed`;
  const times = `first token after ${seconds(answer.ttftMs)}; ${tokensPerSecond(answer).toFixed(1)} tokens/s after it`;
  return [`${answer.text.trim()}   ${isRight ? '(right)' : '(wrong)'}`, `${counts}; ${times}`];
}

/** The share of the visible keys that was read. */
export function densityLine({ attention }: Answer): string {
  if (attention === null) return 'the server does not tell how attention was computed';
  const { density, fallbacks } = attention;
  const fallen = fallbacks === 0 ? '' : `; fell back ${fallbacks} times`;
  return `read ${percent(density.prefill)} of the keys for the prompt, ${percent(density.decode)} for the answer${fallen}`;
}

/** Dense beside another policy, over all questions. */
export function comparisonLines(name: string, dense: readonly Answer[], other: readonly Answer[]): readonly string[] {
  const read = (answers: readonly Answer[]) => answers[0]?.ttftMs ?? 0;
  const rate = (answers: readonly Answer[]) =>
    answers.reduce((sum, answer) => sum + tokensPerSecond(answer), 0) / Math.max(1, answers.length);
  const times = (more: number, less: number) =>
    less > 0 ? `${(more / less).toFixed(2)} times as fast` : 'not measured';
  return [
    `reading the document: ${seconds(read(dense))} dense, ${seconds(read(other))} ${name}: ${times(read(dense), read(other))}`,
    `answering: ${rate(dense).toFixed(1)} tokens/s dense, ${rate(other).toFixed(1)} ${name}: ${times(rate(other), rate(dense))}`,
  ];
}

function tokensPerSecond({ totalMs, ttftMs, completionTokens }: Answer): number {
  const decodeMs = totalMs - ttftMs;
  return decodeMs > 0 ? ((completionTokens - 1) / decodeMs) * 1000 : 0;
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(2)} s`;
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}
