/** A benchmark with a program of its own. */
export interface KvProgram {
  readonly name: string;
  /** Path of the program from the root of the repository, and its words but for `--json FILE`. */
  readonly command: readonly string[];
  /** Words and variables of a short run: it shows that everything works, its figures are rough. */
  readonly quick: { readonly words?: readonly string[]; readonly env?: Readonly<Record<string, string>> };
  /** What a bar that is a number N means here. */
  readonly numericBar: string;
}

/** In the order of their run: short ones first. */
export const KV_PROGRAMS: readonly KvProgram[] = [
  { name: 'crc32c', command: ['libs/kv-native/bench/crc32c.mjs'], quick: {}, numericBar: 'ours >= N' },
  {
    name: 'index',
    command: ['libs/kv-core/bench/index.bench.ts'],
    quick: { words: ['--blocks', '100000'] },
    numericBar: 'ratio >= N',
  },
  {
    name: 'store-index',
    command: ['--max-semi-space-size=4', 'services/kv-store/bench/index.mjs'],
    quick: { words: ['--blocks', '100000'] },
    numericBar: 'ratio >= N',
  },
  {
    name: 'data-plane',
    command: ['services/kv-store/bench/data-plane.mjs'],
    quick: { env: { ROUNDS: '3' } },
    numericBar: 'ours >= 1 or ratio >= N',
  },
  {
    name: 'disk',
    command: ['services/kv-store/bench/disk.mjs'],
    quick: { words: ['--objects', '40'] },
    numericBar: 'ratio >= N',
  },
  {
    name: 'restart',
    command: ['tools/bench/dist/bench-restart.js'],
    quick: { words: ['--model', 'needle-3m'] },
    numericBar: 'ratio >= N',
  },
];
