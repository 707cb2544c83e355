import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { kafkaJarFolder } from './jars.js';

/** Kafka 4 runs on this Java and later ones. */
const JAVA_MAJOR = 17;
const PROBE_TIMEOUT_MS = 20_000;

export type KafkaAvailability = { readonly available: true } | { readonly available: false; readonly reason: string };

let known: KafkaAvailability | undefined;

/** Whether this machine can run a broker, and if not, what is missing. Asked once per process. */
export function kafkaAvailable(): KafkaAvailability {
  known ??= probe();
  return known;
}

/**
 * For suites that need a broker: false says "skip", with the reason printed.
 *
 * @throws Error where `CI=true`: there a missing server is a failure, not a skip.
 */
export function kafkaOrSkip(suite: string): boolean {
  const state = kafkaAvailable();
  if (state.available) return true;
  const message = `${suite} needs a Kafka broker: ${state.reason}`;
  if (process.env['CI'] === 'true') throw new Error(message);
  process.stderr.write(`Skipped: ${message}\n`);
  return false;
}

function probe(): KafkaAvailability {
  if (process.platform === 'win32') return { available: false, reason: 'the harness needs a POSIX shell' };
  const major = javaMajor();
  if (major === undefined) return { available: false, reason: `Java ${JAVA_MAJOR} or later is not installed` };
  if (major < JAVA_MAJOR) return { available: false, reason: `Java ${major} is too old, ${JAVA_MAJOR} is needed` };
  if (!existsSync(kafkaJarFolder()) && !answers('mvn', ['-v'])) {
    return { available: false, reason: 'Maven is not installed, and the broker was not fetched before' };
  }
  return { available: true };
}

function javaMajor(): number | undefined {
  // `-version` writes to standard error, `--version` to standard output.
  const text = answers('java', ['--version']);
  const major = text === undefined ? undefined : /^\S+ (\d+)/.exec(text)?.[1];
  return major === undefined ? undefined : Number(major);
}

function answers(command: string, args: readonly string[]): string | undefined {
  try {
    return execFileSync(command, args, {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
      timeout: PROBE_TIMEOUT_MS,
    });
  } catch {
    return undefined;
  }
}
