import { Random } from './random.js';

/** One request of a trace: the blocks of its prompt, each a number that stands for the whole prefix up to it. */
export type TraceRequest = readonly number[];

/**
 * A synthetic trace of a chat service: sessions that share one of a few system prompts and grow turn by turn, popular
 * ones more than others, and scans (long prompts that never come again).
 */
export function prefixTrace(seed: number, requests: number): TraceRequest[] {
  const random = new Random(seed);
  let next = 0;
  const fresh = (count: number) => Array.from({ length: count }, () => next++);
  const systems = Array.from({ length: 4 }, () => fresh(8));
  const sessions = Array.from({ length: 60 }, () => [...random.pick(systems)]);
  return Array.from({ length: requests }, () => {
    if (random.below(4) === 0) return fresh(20 + random.below(40));
    const at = Math.floor(sessions.length * random.unit() ** 2);
    const session = sessions[at] as number[];
    if (session.length > 60) sessions[at] = [...random.pick(systems)];
    const now = sessions[at] as number[];
    now.push(...fresh(1 + random.below(4)));
    return [...now];
  });
}
