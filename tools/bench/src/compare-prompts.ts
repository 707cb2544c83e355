import { type ColdPrompt, type ColdPromptTimes, promptCaseNames, promptRates } from './cold-prompt.js';
import { type Comparison, compare } from './compare.js';

/** A peer that has read the prompt once. */
export interface PromptPeer {
  name: string;
  times: ColdPromptTimes;
  /** Whether it does the same work as ours, so that a bar makes sense. */
  hasBar: boolean;
}

export interface PromptResults {
  ours: ColdPromptTimes;
  peers: readonly PromptPeer[];
  barOf(caseName: string): number | null;
}

/** Two rows a peer: how fast the prompt was read, and how fast the answer came after its first token. */
export function comparePrompts(prompt: ColdPrompt, { ours, peers, barOf }: PromptResults): Comparison[] {
  const names = promptCaseNames(prompt);
  const own = promptRates(prompt, ours);
  return peers.flatMap((peer) => {
    const rates = promptRates(prompt, peer.times);
    return (['first', 'after'] as const).map((part) => {
      const name = names[part];
      const round = { ours: own[part], peers: new Map([[peer.name, rates[part]]]) };
      return compare({ name, bar: peer.hasBar ? barOf(name) : null }, [round]);
    });
  });
}
