import { needleDocument, passKeyQuestion, seededRandom } from './needle-corpus.js';

/** Body of a POST to /v1/completions. */
export type CompletionBody = Readonly<Record<string, unknown>> & { readonly prompt: string };

const LONGEST_PROMPT_WORDS = 1200;
const SHORTEST_PROMPT_WORDS = 10;
/** Requests that ask about one document, so that the prefix cache has something to do. */
const REQUESTS_PER_DOCUMENT = 3;

/**
 * Completion requests of mixed lengths and sampling settings for `needle-3m`: most are short, some long, some share
 * their beginning; every sampling setting that the API has occurs. All are seeded: each has one right answer.
 */
export function mixedRequests(count: number, seed: number): CompletionBody[] {
  const random = seededRandom(seed);
  const requests: CompletionBody[] = [];
  while (requests.length < count) {
    const words = Math.round(SHORTEST_PROMPT_WORDS * (LONGEST_PROMPT_WORDS / SHORTEST_PROMPT_WORDS) ** random());
    const document = needleDocument(words, REQUESTS_PER_DOCUMENT, Math.floor(random() * 2 ** 31));
    for (const { name } of document.passKeys) {
      const prompt = `<|bos|><|user|>${document.text}\n${passKeyQuestion(name)}<|end|><|assistant|>`;
      requests.push({ prompt, ...settings(random, requests.length) });
    }
  }
  return requests.slice(0, count);
}

function settings(random: () => number, index: number): Record<string, unknown> {
  const max_tokens = 4 + Math.floor(random() ** 2 * 150);
  const common = { max_tokens, ignore_eos: random() < 0.7, seed: index, skip_special_tokens: random() < 0.5 };
  const sampled = { temperature: 0.3 + random(), top_p: 0.7 + 0.3 * random() };
  const kinds: readonly Record<string, unknown>[] = [
    { temperature: 0 },
    { temperature: 0, repetition_penalty: 1.2 },
    sampled,
    { ...sampled, top_k: 1 + Math.floor(random() * 50), min_p: 0.05 * random() },
    { ...sampled, presence_penalty: random(), frequency_penalty: random() },
    { ...sampled, logprobs: 3 },
    { ...sampled, n: 2 },
    { ...sampled, stop: ['the ', 'key'], logit_bias: { 300: 2 } },
  ];
  return { ...common, ...kinds[index % kinds.length] };
}
