import { parseArgs } from 'node:util';

export interface ClientOptions {
  /** What is missing on the machine fails the run instead of being left out. */
  readonly ci: boolean;
  /** Names of clients; empty for all. */
  readonly only: readonly string[];
  /** File for the rows; null writes none. */
  readonly json: string | null;
  readonly help: boolean;
}

/** @throws Error naming the flag at fault. */
export function parseOptions(args: readonly string[], known: readonly string[]): ClientOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      ci: { type: 'boolean', default: false },
      only: { type: 'string', default: '' },
      json: { type: 'string' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  const only = values.only === '' ? [] : values.only.split(',').map((name) => name.trim());
  const unknown = only.find((name) => !known.includes(name));
  if (unknown !== undefined) throw new Error(`--only: there is no client ${unknown}; there are ${known.join(', ')}`);
  return { ci: values.ci, only, json: values.json ?? null, help: values.help };
}
