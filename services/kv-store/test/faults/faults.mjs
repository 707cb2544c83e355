// The real service with real tiers and servers under load, and one fault after the other:
//   npm run faults -w @longhaul/kv-store -- [--only NAME] [--seconds 10] [--kafka-seconds 60] [--json FILE]
// Prints what was seen before, during and after each. Exits 1 when a call failed, a byte was wrong, the service did not
// say what is the matter, or did not come back. Needs `npm run build`; S3 needs Go, Kafka needs Java and Maven.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { chain, handshake, load, put } from './load.mjs';
import { SCENARIOS } from './scenarios.mjs';
import { Service } from './service.mjs';

const BACK_LIMIT_MS = 90_000;
const KEPT_BLOCKS = 4;

const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    seconds: { type: 'string', default: '10' },
    'kafka-seconds': { type: 'string', default: '60' },
    json: { type: 'string' },
  },
});

async function run(scenario) {
  const folder = mkdtempSync(join(tmpdir(), 'longhaul-fault-'));
  const parts = await scenario.open(folder);
  if (parts.missing) {
    rmSync(folder, { recursive: true, force: true });
    return { fault: scenario.name, skipped: parts.missing };
  }
  const context = { ...parts, folder };
  const start = async () => {
    context.service = await Service.start(parts.flags);
    await handshake(context.service.client);
  };
  context.restart = async (between) => {
    await context.service.stop();
    await between();
    await start();
  };
  try {
    await start();
    return await observed(scenario, context);
  } finally {
    await context.service?.stop();
    await parts.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function observed(scenario, context) {
  const kept = chain(1, KEPT_BLOCKS);
  for (const sample of kept) await put(context.service.client, sample);
  const seconds = Number(scenario.name === 'Kafka down' ? values['kafka-seconds'] : values.seconds);
  const loadFor = (ms, also = async () => true) => loadUntil(context.service.client, kept, ms, also);
  const before = await loadFor(Math.min(2, seconds) * 1000);
  await scenario.begin(context);
  const isUp = async () => scenario.check === undefined || (await checkOf(scenario, context)).up;
  const told = () => scenario.told?.(context) ?? isUp().then((up) => !up);
  const during = await loadFor(seconds * 1000, told);
  const said = await words(scenario, context, await told());
  const { ready } = await context.service.checks();
  const metrics = await scenario.says(context.service);
  const healed = performance.now();
  await scenario.end(context);
  const after = await loadFor(1_000, isUp);
  const agreed = await until(() => scenario.after?.(context) ?? true);
  const backMs = Math.round(performance.now() - healed);
  const violations = [
    ...[before, during, after].flatMap(({ errors }) => [...errors.keys()]),
    ...(ready ? [] : ['not ready during the fault']),
    ...(said === '' ? ['the fault was not told'] : []),
    ...((await isUp()) && agreed ? [] : ['did not come back']),
  ];
  return {
    fault: scenario.name,
    seconds,
    before,
    during,
    after,
    said,
    metrics,
    backMs,
    violations,
    more: scenario.summary?.(context),
  };
}

/** What the service says about the fault; empty when it says nothing. */
async function words(scenario, context, told) {
  if (!told) return '';
  return scenario.check === undefined ? 'has no check for it' : (await checkOf(scenario, context)).reason;
}

async function checkOf(scenario, { service }) {
  return (await service.checks()).checks[scenario.check] ?? { up: false, reason: 'no such check' };
}

/** Puts and gets for some time, and on until something holds. */
async function loadUntil(client, kept, ms, holds) {
  const least = performance.now() + ms;
  const most = least + BACK_LIMIT_MS;
  let held = false;
  const watch = (async () => {
    while (!held && performance.now() < most) {
      held = performance.now() >= least && (await holds());
      await delay(100);
    }
    held = true;
  })();
  const tally = await load(client, kept, () => !held);
  await watch;
  return tally;
}

async function until(holds) {
  const most = performance.now() + BACK_LIMIT_MS;
  while (performance.now() < most) {
    if (await holds()) return true;
    await delay(100);
  }
  return false;
}

function print({ fault, skipped, seconds, before, during, after, said, metrics, backMs, violations, more }) {
  if (skipped !== undefined) {
    console.log(`${fault}: skipped, ${skipped}`);
    return;
  }
  const phase = (name, { puts, gets, missed, worstMs, errorText }) =>
    `  ${name.padEnd(7)} puts ${puts}, gets ${gets}, blocks not there ${missed}, slowest call ${worstMs.toFixed(0)} ms, errors: ${errorText || 'none'}`;
  console.log(`${fault}, ${seconds} s: ${violations.length === 0 ? 'ok' : `VIOLATED: ${violations.join(', ')}`}`);
  for (const [name, tally] of Object.entries({ before, during, after })) console.log(phase(name, tally));
  console.log(`  health  ${said}`);
  console.log(`  metrics ${metrics}`);
  console.log(`  back after ${backMs} ms${more === undefined ? '' : `; ${more}`}`);
}

const chosen = SCENARIOS.filter(({ name }) => values.only === undefined || values.only.split(',').includes(name));
if (chosen.length === 0) throw new Error(`--only must be of ${SCENARIOS.map(({ name }) => name).join(', ')}`);
const results = [];
for (const scenario of chosen) {
  results.push(await run(scenario));
  print(results.at(-1));
}
if (values.json) {
  const plain = (_, value) => (value instanceof Map ? Object.fromEntries(value) : value);
  writeFileSync(values.json, `${JSON.stringify(results, plain, 2)}\n`);
}
process.exit(results.some(({ violations = [] }) => violations.length > 0) ? 1 : 0);
