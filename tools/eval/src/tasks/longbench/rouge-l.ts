import { wordsOf } from './words-overlap.js';

/** Keeps the quotient finite where nothing is in common. */
const EPSILON = 1e-8;

/**
 * ROUGE-L over summaries as the package `rouge` 1.0.1 computes it, which LongBench uses: sentences end at full stops, words
 * count once (sets), and for each sentence of the reference the words of its longest common subsequences with every
 * sentence of the answer are gathered. Google's `rouge_score` gives other figures. O(words of both, multiplied).
 *
 * @returns F; 0 where one of the texts has no sentence.
 */
export function rougeL(answer: string, reference: string): number {
  const answered = sentencesOf(answer);
  const wanted = sentencesOf(reference);
  if (answered.length === 0 || wanted.length === 0) return 0;
  const found = new Set<string>();
  for (const sentence of wanted)
    for (const other of answered) for (const word of commonWords(sentence, other)) found.add(word);
  const recall = found.size / new Set(wanted.flat()).size;
  const precision = found.size / new Set(answered.flat()).size;
  return (2 * (precision * recall)) / (precision + recall + EPSILON);
}

/** Words of every sentence; a sentence of white space is one empty word. */
function sentencesOf(text: string): string[][] {
  const sentences = text.split('.').filter((sentence) => sentence.length > 0);
  return sentences.map((sentence) => {
    const words = wordsOf(sentence);
    return words.length > 0 ? words : [''];
  });
}

/** Words of one longest common subsequence; of several the one that the package finds, from the end. */
function commonWords(x: readonly string[], y: readonly string[]): string[] {
  const width = y.length + 1;
  const lengths = lcsLengths(x, y);
  const words: string[] = [];
  for (let i = x.length, j = y.length; i > 0 && j > 0;) {
    const word = x[i - 1] ?? '';
    if (word === y[j - 1]) {
      words.push(word);
      i--;
      j--;
    } else if ((lengths[(i - 1) * width + j] ?? 0) > (lengths[i * width + j - 1] ?? 0)) i--;
    else j--;
  }
  return words;
}

/** [x + 1, y + 1] lengths of the longest common subsequences of the beginnings. */
function lcsLengths(x: readonly string[], y: readonly string[]): Int32Array {
  const width = y.length + 1;
  const lengths = new Int32Array((x.length + 1) * width);
  for (let i = 1; i <= x.length; i++)
    for (let j = 1; j <= y.length; j++) {
      const above = lengths[(i - 1) * width + j] ?? 0;
      const left = lengths[i * width + j - 1] ?? 0;
      const both = (lengths[(i - 1) * width + j - 1] ?? 0) + 1;
      lengths[i * width + j] = x[i - 1] === y[j - 1] ? both : Math.max(above, left);
    }
  return lengths;
}
