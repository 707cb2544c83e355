import { AppError } from '@longhaul/kernel';
import { helpText } from './document.js';
import { loadConfig, wantsHelp } from './load-config.js';
import { whenParentGoes } from './parent-channel.js';
import { releaseStartMemory } from './release-start-memory.js';
import type { ConfigOf, Settings } from './setting.js';

/** A service that has started. */
export interface RunningService {
  /** Resolves to the line that tells the user where it is, once it answers requests; null when it was closed before. */
  ready(): Promise<string | null>;
  /** Resolves when the service must not go on, with why; the process then ends with exit code 1. */
  failed?: Promise<unknown>;
  /** Refuses new work, lets running work end within its grace time, frees everything. */
  close(): Promise<void>;
}

export interface ServiceProgram<S extends Settings> {
  name: string;
  settings: S;
  start(config: ConfigOf<S>): Promise<RunningService>;
}

/**
 * The life of a process: configuration, start, one line when ready, an orderly end at SIGTERM, SIGINT or SIGHUP (a second
 * one, a second later or more, ends at once), or when the process that started it has gone. Faults that a user can mend
 * are one clear message on stderr and exit code 1.
 */
export async function runService<S extends Settings>(
  program: ServiceProgram<S>,
  argv: readonly string[] = process.argv.slice(2),
): Promise<void> {
  if (wantsHelp(argv)) {
    process.stdout.write(helpText(program.name, program.settings));
    return;
  }
  // Until there is something to close in order.
  const end: { now: () => void } = { now: () => process.exit(1) };
  whenParentGoes(() => end.now());
  try {
    const service = await program.start(loadConfig(program.settings, { argv, env: process.env }));
    end.now = closeOnSignals(program.name, service);
    void service.failed?.then((error) => fail(program.name, error));
    const line = await service.ready();
    releaseStartMemory();
    if (line !== null) process.stdout.write(`${line}\n`);
  } catch (error) {
    fail(program.name, error);
  }
}

const STOP_SIGNALS = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const;
/**
 * Ctrl-C reaches the whole group of a terminal, and npm and its script pass on what they got as well: within this time
 * a signal is the same one on another way.
 */
const SAME_SIGNAL_MS = 1000;

/** @returns what closes as the first signal does. */
function closeOnSignals(name: string, service: RunningService): () => void {
  let closingSinceMs: number | null = null;
  const close = () => {
    if (closingSinceMs !== null) return;
    closingSinceMs = performance.now();
    service.close().then(
      () => process.exit(0),
      (error: unknown) => fail(name, error),
    );
  };
  for (const signal of STOP_SIGNALS) {
    process.on(signal, () => {
      if (closingSinceMs !== null && performance.now() - closingSinceMs > SAME_SIGNAL_MS) process.exit(1);
      close();
    });
  }
  return close;
}

function fail(name: string, error: unknown): never {
  const known = AppError.isInstance(error);
  const text = known ? error.message : error instanceof Error ? (error.stack ?? error.message) : String(error);
  process.stderr.write(`${name}: ${text}\n`);
  process.exit(1);
}
