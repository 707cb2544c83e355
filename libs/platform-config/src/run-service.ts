import { AppError } from '@longhaul/kernel';
import { helpText } from './document.js';
import { loadConfig, wantsHelp } from './load-config.js';
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
 * The life of a process: configuration, start, one line when ready, an orderly end at SIGTERM or SIGINT (a second one
 * ends at once). Faults that a user can mend are one clear message on stderr and exit code 1.
 */
export async function runService<S extends Settings>(
  program: ServiceProgram<S>,
  argv: readonly string[] = process.argv.slice(2),
): Promise<void> {
  if (wantsHelp(argv)) {
    process.stdout.write(helpText(program.name, program.settings));
    return;
  }
  try {
    const service = await program.start(loadConfig(program.settings, { argv, env: process.env }));
    closeOnSignals(program.name, service);
    void service.failed?.then((error) => fail(program.name, error));
    const line = await service.ready();
    releaseStartMemory();
    if (line !== null) process.stdout.write(`${line}\n`);
  } catch (error) {
    fail(program.name, error);
  }
}

function closeOnSignals(name: string, service: RunningService): void {
  let closing = false;
  const close = () => {
    if (closing) process.exit(1);
    closing = true;
    service.close().then(
      () => process.exit(0),
      (error: unknown) => fail(name, error),
    );
  };
  process.on('SIGTERM', close);
  process.on('SIGINT', close);
}

function fail(name: string, error: unknown): never {
  const known = AppError.isInstance(error);
  const text = known ? error.message : error instanceof Error ? (error.stack ?? error.message) : String(error);
  process.stderr.write(`${name}: ${text}\n`);
  process.exit(1);
}
