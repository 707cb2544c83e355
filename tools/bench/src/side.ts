import { type BenchCase, type Measured } from './cases.js';

/** One engine on one model file, able to measure cases. */
export interface BenchSide {
  measure(benchCase: BenchCase): Promise<Measured>;
  dispose(): Promise<void>;
}
