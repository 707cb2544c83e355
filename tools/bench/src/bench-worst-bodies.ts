import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { importModel } from '@longhaul/model';
import { NEEDLE_3M } from '@longhaul/testing';
import { BODY_CASES } from './bodies/cases.js';
import { HealthPoller, measureBody, type BodyResult } from './bodies/measure-body.js';
import { table, warnIfBusy } from './report.js';
import { serveProcess } from './restart/served-process.js';

/** The worst bodies that the limits allow, one after the other, while another process asks for the server's health. */
const LIMIT_MS = 500;
const MEBIBYTE = 2 ** 20;

interface Row {
  case: string;
  /** Longest answer of /health, in milliseconds. */
  ours: number;
  limit: number;
  ratio: number;
  bar: string;
  met: boolean;
  status: number;
  totalMs: number;
  peakRssMib: number;
  answerBytes: number;
}

function rowOf(name: string, result: BodyResult): Row {
  const ours = Math.round(result.worstHealthMs);
  return {
    case: name,
    ours,
    limit: LIMIT_MS,
    ratio: ours / LIMIT_MS,
    bar: `ours < ${LIMIT_MS}`,
    met: ours < LIMIT_MS && result.status < 500,
    status: result.status,
    totalMs: Math.round(result.totalMs),
    peakRssMib: Math.round(result.peakRssBytes / MEBIBYTE),
    answerBytes: result.answerBytes,
  };
}

function line(row: Row): string[] {
  const { status, totalMs, peakRssMib, answerBytes } = row;
  const verdict = row.met ? 'met' : 'missed';
  return [row.case, `${row.ours}`, `${status}`, `${totalMs}`, `${peakRssMib}`, `${answerBytes}`, row.bar, verdict];
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { json: { type: 'string' }, only: { type: 'string', default: '' } } });
  warnIfBusy();
  const home = await mkdtemp(join(tmpdir(), 'longhaul-bench-bodies-'));
  const model = join(home, 'needle-3m');
  const rows: Row[] = [];
  try {
    await importModel({ source: NEEDLE_3M, out: model, weights: 'int8', name: 'needle-3m' });
    const server = await serveProcess(['--model', model, '--kv-store', 'off']);
    const poller = new HealthPoller(server.url);
    for (const one of BODY_CASES.filter(({ name }) => name.includes(values.only))) {
      const row = rowOf(one.name, await measureBody(one, server, poller));
      rows.push(row);
      console.log(line(row).join('  '));
    }
    poller.close();
    await server.stop();
  } finally {
    await rm(home, { recursive: true, force: true });
  }
  const head = ['case', 'worst /health ms', 'status', 'answered ms', 'peak RSS MiB', 'answer bytes', 'bar', ''];
  console.log(`\n${table([head, ...rows.map(line)])}`);
  if (values.json !== undefined) await writeFile(resolve(values.json), `${JSON.stringify(rows, null, 2)}\n`);
}

await main();
