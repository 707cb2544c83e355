import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { mkdtempSync, rmSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadConfig } from '@longhaul/platform-config';
import { HealthModel } from '@longhaul/platform-health';
import { EventLog } from '@longhaul/platform-otel';
import { openLocalStore, storeSettings } from '../src/index.js';
import { BLOCK_BYTES, chain, space } from './core/store-fixture.js';
import { StoreUnderTest } from './support/running-store.js';

const { namespace } = space();
const BLOCKS = chain(5);

describe('a store that starts over a damaged folder', () => {
  let directory: string;

  beforeEach(async () => {
    directory = mkdtempSync(join(tmpdir(), 'longhaul-watch-'));
    const store = await StoreUnderTest.start('--kv-dir', directory);
    await store.greet(namespace);
    await store.put(namespace, BLOCKS);
    expect((await store.observed()).checks['disk-integrity']).toMatchObject({ up: true });
    await store.close();
    // The last block and what came after it is gone.
    truncateSync(join(directory, 'segment-00000000.log'), 4096 + 4 * (BLOCK_BYTES + 4096));
  });
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  it('says so in its health and metrics, and serves on', async () => {
    const store = await StoreUnderTest.start('--kv-dir', directory);
    const { checks, ready, metric } = await store.observed();
    expect(ready).toBe(true);
    expect(checks['disk-integrity']).toMatchObject({ up: false });
    expect(checks['disk-integrity']?.reason).toMatch(/^1 stored records \(\d+ bytes\) are lost/);
    expect(metric('longhaul_kv_lost_records_total', 'found="start"')).toBe(1);
    expect(metric('longhaul_kv_lost_bytes_total', 'found="start"')).toBeGreaterThan(BLOCK_BYTES);
    await store.greet(namespace);
    await store.get(namespace, BLOCKS.slice(0, 4));
    await store.put(namespace, BLOCKS.slice(4));
    await store.get(namespace, BLOCKS);
    await store.close();
  });

  it('says so in one line of its log', async () => {
    const lines: { event?: string; lostRecords?: number; level?: number }[] = [];
    const log = new EventLog('test', 'info', { write: (line) => void lines.push(JSON.parse(line) as object) });
    const config = { ...loadConfig(storeSettings, { argv: [], env: {} }), kvDir: directory };
    const local = await openLocalStore(config, { log, owner: 'test', health: new HealthModel() });
    await local.close();
    expect(lines.filter(({ event }) => event?.startsWith('disk-tier-recovered'))).toEqual([
      expect.objectContaining({ event: 'disk-tier-recovered-with-loss', lostRecords: 1, level: 40 }),
    ]);
  });
});
