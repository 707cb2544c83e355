import type { AuditStatistics } from '../ports.js';
import { MeanWindow } from './mean-window.js';

/** Queries, and steps as a whole, whose mean is judged: fewer say little of a policy. */
const LEAST_QUERIES = 6;
const LEAST_STEPS = 3;

/** Means over the latest samples of a choice under one policy; null while there are too few, and where a token adds none. */
export interface AuditMeans {
  readonly recall: number | null;
  readonly kl: number | null;
}

/** What an audit has found of late, of queries and of next tokens. */
export class AuditWindows {
  readonly #recall = new MeanWindow(LEAST_QUERIES);
  readonly #kl = new MeanWindow(LEAST_STEPS);

  /** The next generated token was computed. @param kl null: it was not compared as a whole. */
  add({ samples, recallSum }: AuditStatistics, kl: number | null): AuditMeans {
    return {
      recall: this.#recall.add({ samples, sum: recallSum }),
      kl: this.#kl.add(kl === null ? { samples: 0, sum: 0 } : { samples: 1, sum: kl }),
    };
  }
}
