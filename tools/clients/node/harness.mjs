// Runs the calls of one client and prints a JSON line for each: {"call", "result", "note"}.
export const ROOT = process.env.CLIENTS_URL;
export const BASE = `${ROOT}/v1`;
export const MODEL = process.env.CLIENTS_MODEL;
export const KEY = process.env.CLIENTS_KEY;
export const QUESTION = process.env.CLIENTS_QUESTION;
export const ANSWER = process.env.CLIENTS_ANSWER;
export const LONG = 'The river is long. '.repeat(2000);

const calls = [];

/** Registers a call of the client; it fails by an exception. */
export function call(name, run) {
  calls.push({ name, run });
}

export function assert(holds, what) {
  if (!holds) throw new Error(`not so: ${what}`);
}

/** The error that the promise is rejected with; it has to say each of the words. */
export async function refused(promise, ...words) {
  const error = await promise.then(
    () => null,
    (reason) => reason,
  );
  assert(error !== null, 'was answered, should be refused');
  const missing = words.filter((word) => !String(error.message).includes(word));
  assert(missing.length === 0, `the error does not say ${missing.join(', ')}: ${error.message}`);
  return error;
}

/** Waits until nothing runs in the server: a client that went away holds nothing. */
export async function eventuallyIdle() {
  const end = performance.now() + 30_000;
  while (performance.now() < end) {
    const text = await (await fetch(`${ROOT}/metrics`)).text();
    if (/^longhaul_num_requests_running(\{[^}]*\})? 0$/m.test(text)) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error('the request still runs');
}

export async function main() {
  let failed = false;
  for (const { name, run } of calls) {
    try {
      await run();
      console.log(JSON.stringify({ call: name, result: 'ok', note: '' }));
    } catch (error) {
      failed = true;
      const note = `${error?.name}: ${error?.message}`.slice(0, 600);
      console.log(JSON.stringify({ call: name, result: 'failed', note }));
    }
  }
  process.exit(failed ? 1 : 0);
}
