import { type BenchCase, type Measured } from './cases.js';
import { type ColdPrompt, type ColdPromptTimes, type PairedPrompt } from './cold-prompt.js';
import { type OursOptions } from './ours/ours-side.js';
import { type PeerOptions } from './peer/peer-side.js';

/** What a child process is told first, as its only argument. */
export type SideOptions = ({ side: 'ours' } & OursOptions) | ({ side: 'peer' } & PeerOptions);

/** Parent to child; the answer to `stop` is the end of the process. */
export type WorkerRequest =
  | { kind: 'measure'; benchCase: BenchCase }
  | { kind: 'read'; prompt: ColdPrompt }
  | { kind: 'read-paired'; prompt: PairedPrompt }
  | { kind: 'stop' };

/** Child to parent: `ready` once, then one answer a request. */
export type WorkerReply =
  | { kind: 'ready'; kvBytes: number | null }
  | { kind: 'measured'; measured: Measured }
  | { kind: 'read'; times: ColdPromptTimes }
  | { kind: 'read-paired'; variants: readonly Measured[] }
  | { kind: 'failed'; message: string };
