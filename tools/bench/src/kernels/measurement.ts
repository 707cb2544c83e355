/** What native/bench/kernel_bench.cc prints, one a line. Rates are per second, over all threads. */
export interface LimitMeasurement {
  readonly limit: string;
  readonly instructions: string;
  readonly threads: number;
  /** One a round. */
  readonly perSecond: readonly number[];
}

export interface KernelMeasurement {
  readonly case: string;
  readonly phase: 'prefill' | 'decode';
  /** Level of the kernels, `avx512vnni`. */
  readonly level: string;
  readonly threads: number;
  /** The limit of its arithmetic: `f32 FMA`, `bf16 dot`, `bf16 tile`, `integer dot` or `integer tile`. */
  readonly arithmetic: string;
  /** Of one run: operations (a multiply-add is two), and bytes of weights or KV. */
  readonly operations: number;
  readonly bytes: number;
  readonly rounds: readonly KernelRound[];
}

/** What a part of a kernel takes of the whole: shares, one a round, on one thread. */
export interface ShareMeasurement {
  readonly share: string;
  readonly level: string;
  readonly threads: number;
  readonly shares: readonly number[];
}

/** A run of the kernel, and what the machine could right before it. */
export interface KernelRound {
  readonly seconds: number;
  readonly operationsPerSecond: number;
  readonly bytesPerSecond: number;
}

/** @throws Error for a line that is none of them: nothing may be left out by mistake. */
export function parseMeasurement(line: string): LimitMeasurement | KernelMeasurement | ShareMeasurement {
  const value = JSON.parse(line) as Partial<LimitMeasurement & KernelMeasurement & ShareMeasurement>;
  const numbers =
    value.perSecond ?? value.shares ?? value.rounds?.flatMap((round) => Object.values<number>({ ...round })) ?? [];
  if (numbers.length === 0 || !numbers.every((number) => Number.isFinite(number) && number > 0)) {
    throw new Error(`no measurement: ${line}`);
  }
  return value as LimitMeasurement | KernelMeasurement | ShareMeasurement;
}
