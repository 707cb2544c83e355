// `npm test` runs this before jest: the test servers are fetched and compiled with progress and in peace, and no suite
// waits for them.
import { ensureKafkaJars } from './kafka/jars.js';
import { kafkaAvailable } from './kafka/tools.js';
import { s3Available } from './s3/s3-available.js';

/** @throws Error where `CI=true` and the broker cannot be had. */
async function prepareKafka(): Promise<void> {
  const state = kafkaAvailable();
  const missing = state.available ? await ensureKafkaJars().then(() => undefined, messageOf) : state.reason;
  if (missing === undefined) return;
  const reason = `No Kafka broker for tests: ${missing}.`;
  if (process.env['CI'] === 'true') throw new Error(reason);
  process.stderr.write(`${reason} Suites that need one are skipped.\n`);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

const failures = (await Promise.allSettled([prepareKafka(), s3Available()])).filter(
  (result) => result.status === 'rejected',
);
for (const { reason } of failures) process.stderr.write(`${messageOf(reason)}\n`);
process.exitCode = failures.length > 0 ? 1 : 0;
