import { type BenchCase, type Measured } from './cases.js';
import { type ColdPrompt, type ColdPromptTimes, type PairedPrompt } from './cold-prompt.js';

/** One engine on one model file, able to measure cases. */
export interface BenchSide {
  measure(benchCase: BenchCase): Promise<Measured>;
  /** Where the side can: reads a whole prompt, and answers. */
  read?(prompt: ColdPrompt): Promise<ColdPromptTimes>;
  /** Where the side can: one result a variant. */
  readPaired?(prompt: PairedPrompt): Promise<readonly Measured[]>;
  dispose(): Promise<void>;
}
