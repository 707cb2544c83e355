import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createEmbeddedServer, embeddedSettings, type EmbeddedServer } from '@longhaul/embedded';
import { importModel } from '@longhaul/model';
import { loadConfig } from '@longhaul/platform-config';
import { NEEDLE_3M } from '@longhaul/testing';
import { fuzzApi } from '../src/run.js';
import { SERVER_FLAGS } from '../src/server-flags.js';

const CASES = 500;
const SEED = 20;

const folder = mkdtempSync(join(tmpdir(), 'longhaul-fuzz-'));
let server: EmbeddedServer;

beforeAll(async () => {
  const model = join(folder, 'needle-3m');
  await importModel({ source: NEEDLE_3M, out: model, weights: 'int8', name: 'needle-3m' });
  const argv = ['--model', model, ...SERVER_FLAGS, '--log-level', 'silent'];
  server = await createEmbeddedServer(loadConfig(embeddedSettings, { argv, env: {} }));
});
afterAll(async () => {
  await server?.close();
  rmSync(folder, { recursive: true, force: true });
});

describe('the API', () => {
  it(`judges each of ${CASES} random requests rightly, fails at none and holds nothing afterwards`, async () => {
    const report = await fuzzApi({
      url: server.url,
      grpcAddress: `127.0.0.1:${server.grpcPort}`,
      ...{ cases: CASES, seed: SEED, only: null, concurrency: 16 },
    });
    expect(report.examples).toEqual([]);
    expect(report.serverFaults).toEqual([]);
    expect(report.rows.reduce((sum, { count }) => sum + count, 0)).toBe(CASES);
  }, 300_000);
});
