/** One finished sample as the journal keeps it. */
export interface Outcome {
  readonly policy: string;
  readonly dense_below: number | null;
  readonly kv: string;
  readonly task: string;
  readonly length: number;
  readonly sample: number;
  /** 0 to 1. */
  readonly score: number;
  readonly answer: string;
  readonly prompt_tokens: number;
  readonly answer_tokens: number;
  readonly cut: boolean;
  readonly prefill_s: number;
  readonly decode_s: number;
  readonly density: { readonly prefill: number; readonly decode: number };
  readonly recall: number | null;
  readonly breaches: number;
  readonly fallbacks: number;
}

/** What tells one sample from another in a journal. */
export type OutcomePlace = Pick<Outcome, 'policy' | 'dense_below' | 'kv' | 'task' | 'length' | 'sample'>;

export function placeKey({ policy, dense_below, kv, task, length, sample }: OutcomePlace): string {
  return JSON.stringify([policy, dense_below, kv, task, length, sample]);
}
