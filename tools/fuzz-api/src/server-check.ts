import { setTimeout as sleep } from 'node:timers/promises';

/** All of them are zero when nothing is held. */
const IDLE_GAUGES = [
  'longhaul_num_requests_running',
  'longhaul_num_requests_waiting',
  'longhaul_kv_cache_usage_perc',
  'longhaul_router_admitted_requests',
];
/** Requests whose clients have gone end shortly after. */
const QUIET_MS = 15_000;
const PATIENCE_MS = 60_000;

/** What the model says to a fixed prompt without chance. @throws Error when it cannot be had. */
export async function greedyAnswer(url: string): Promise<string> {
  const body = JSON.stringify({ prompt: 'The river', max_tokens: 12, temperature: 0, ignore_eos: true });
  const headers = { 'content-type': 'application/json' };
  const response = await fetch(`${url}/v1/completions`, { method: 'POST', headers, body, signal: patience() });
  const text = await response.text();
  if (!response.ok) throw new Error(`a plain request got ${response.status}: ${text.slice(0, 300)}`);
  return (JSON.parse(text) as { choices: { text: string }[] }).choices[0]?.text ?? '';
}

/**
 * Whether the server is well: alive, ready, and giving the answer it gave before; nothing is held where nobody asks.
 *
 * @returns what is wrong, one sentence each.
 */
export async function checkServer(url: string, want: { greedy: string; isQuiet: boolean }): Promise<string[]> {
  const faults: string[] = [];
  for (const path of ['/live', '/ready', '/health']) {
    const status = await fetch(`${url}${path}`, { signal: patience() }).then(
      (response) => response.status,
      (error: unknown) => String(error),
    );
    if (status !== 200) faults.push(`${path} says ${status}`);
  }
  const greedy = await greedyAnswer(url).catch(String);
  if (greedy !== want.greedy)
    faults.push(`the greedy answer was ${JSON.stringify(want.greedy)} and is ${JSON.stringify(greedy)}`);
  const held = want.isQuiet && faults.length === 0 ? await heldAfterQuiet(url) : [];
  if (held.length > 0) faults.push(`still held: ${held.join(', ')}`);
  return faults;
}

async function heldAfterQuiet(url: string): Promise<string[]> {
  const endMs = performance.now() + QUIET_MS;
  for (;;) {
    const text = await (await fetch(`${url}/metrics`, { signal: patience() })).text();
    const held = IDLE_GAUGES.filter((name) => !new RegExp(`^${name}(?:\\{[^}]*\\})? 0$`, 'm').test(text));
    if (held.length === 0 || performance.now() > endMs) return held;
    await sleep(100);
  }
}

function patience(): AbortSignal {
  return AbortSignal.timeout(PATIENCE_MS);
}
