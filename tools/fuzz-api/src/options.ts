import { parseArgs } from 'node:util';

export interface MainOptions {
  readonly cases: number;
  readonly seed: number;
  readonly only: number | null;
  readonly concurrency: number;
  /** File for the report; null writes none. */
  readonly json: string | null;
  readonly help: boolean;
}

export const USAGE = `npm run fuzz:api -- [--cases 100000] [--seed 1] [--only N] [--concurrency 32] [--json FILE]
  Sends random requests, legal and broken, over HTTP and gRPC to a server of its own, and judges every answer.
  --only N sends case N of the seed alone, as the report names it. Exit code 1 when anything was wrong.
`;

/** @throws Error naming the flag at fault. */
export function parseOptions(args: readonly string[]): MainOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      cases: { type: 'string', default: '100000' },
      seed: { type: 'string', default: '1' },
      only: { type: 'string' },
      concurrency: { type: 'string', default: '32' },
      json: { type: 'string' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  return {
    cases: wholeNumber('--cases', values.cases, [1, 1e9]),
    seed: wholeNumber('--seed', values.seed, [0, 2 ** 31]),
    only: values.only === undefined ? null : wholeNumber('--only', values.only, [0, 1e9]),
    concurrency: wholeNumber('--concurrency', values.concurrency, [1, 200]),
    json: values.json ?? null,
    help: values.help,
  };
}

function wholeNumber(name: string, text: string, [min, max]: readonly [number, number]): number {
  const value = Number(text);
  if (text !== '' && Number.isInteger(value) && value >= min && value <= max) return value;
  throw new Error(`${name} must be a whole number from ${min} to ${max}`);
}
