import { type BenchKv } from './options.js';
import { type ProcessorKind } from './processor.js';

/** By the name of the case: how many times the peer's rate ours must be. */
type Bars = Readonly<Record<string, number>>;

/** Of dense attention whatever the KV type: at depth 0 there is next to none of it. */
const PROMPT_BARS: Bars = {
  'cold prompt of 16K, until the first token': 1.4,
  'cold prompt of 16K, tokens after it': 2,
};

/** Bars of the 0.5B shape with int8 weights and two threads, by processor and KV type. */
const BARS: Readonly<Record<ProcessorKind, Readonly<Record<BenchKv | 'int8', Bars>>>> = {
  'Intel with AVX-512 VNNI': {
    bf16: {
      'prefill 512 at 0K': 4.5,
      'prefill 512 at 16K': 3.2,
      'prefill 512 at 32K': 3.2,
      'decode at 0K': 2,
      'decode at 16K': 3.1,
      'decode at 32K': 3.6,
      ...PROMPT_BARS,
    },
    int8: {
      'prefill 512 at 0K': 4.5,
      'prefill 512 at 16K': 5,
      'prefill 512 at 32K': 5.5,
      'decode at 16K': 4.5,
      'decode at 32K': 6,
      ...PROMPT_BARS,
    },
  },
  'AVX2 without AVX-512': {
    bf16: {
      'prefill 512 at 0K': 1.5,
      'prefill 512 at 16K': 2.7,
      'prefill 512 at 32K': 2.8,
      'decode at 0K': 1.5,
      'decode at 16K': 2.5,
      'decode at 32K': 2.8,
    },
    int8: { 'prefill 512 at 0K': 1.5 },
  },
  other: { bf16: {}, int8: {} },
};

/** Null where none is set. */
export function peerBar(caseName: string, processor: ProcessorKind, kv: BenchKv): number | null {
  return BARS[processor][kv][caseName] ?? null;
}
