import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from '@jest/globals';
import { loadConfig } from '@longhaul/platform-config';
import { eventSettings, kafkaSettings } from './settings.js';

const folder = mkdtempSync(join(tmpdir(), 'longhaul-event-settings-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function settings(argv: readonly string[], allowInsecure = false) {
  return kafkaSettings(loadConfig(eventSettings, { argv, env: {} }), allowInsecure);
}

function file(name: string): string {
  const path = join(folder, name);
  writeFileSync(path, `PEM of ${name}`);
  return path;
}

const BROKERS = ['--kafka-brokers', 'kafka-0.internal:9093, kafka-1.internal:9093'];
const LOGIN = ['--kafka-sasl-mechanism', 'scram-sha-512', '--kafka-sasl-username', 'store'];

describe('settings of block events', () => {
  it('are none without brokers', () => {
    expect(settings([])).toBeNull();
  });

  it('take several brokers, and refuse what is no address', () => {
    expect(settings(BROKERS)?.brokers).toEqual(['kafka-0.internal:9093', 'kafka-1.internal:9093']);
    expect(() => settings(['--kafka-brokers', 'kafka-0.internal'])).toThrow('--kafka-brokers');
  });

  it('speak TLS when asked to or when a file is given', () => {
    expect(settings(BROKERS)?.tls).toBeUndefined();
    expect(settings([...BROKERS, '--kafka-tls'])?.tls).toEqual({});
    expect(settings([...BROKERS, '--kafka-tls-ca', file('ca')])?.tls).toEqual({ ca: 'PEM of ca' });
    const own = ['--kafka-tls-cert', file('cert'), '--kafka-tls-key', file('key')];
    expect(settings([...BROKERS, ...own])?.tls).toEqual({ cert: 'PEM of cert', key: 'PEM of key' });
    expect(() => settings([...BROKERS, '--kafka-tls-cert', file('cert')])).toThrow('--kafka-tls-key');
    expect(() => settings([...BROKERS, '--kafka-tls-ca', join(folder, 'away')])).toThrow('--kafka-tls-ca');
  });

  it('want mechanism, name and password together, and no password in plain text beyond loopback', () => {
    expect(() => settings([...BROKERS, '--kafka-tls', ...LOGIN])).toThrow('--kafka-sasl-password');
    const login = [...LOGIN, '--kafka-sasl-password', 'secret'];
    expect(() => settings([...BROKERS, ...login])).toThrow('--kafka-tls');
    const sasl = { mechanism: 'scram-sha-512', username: 'store', password: 'secret' };
    expect(settings([...BROKERS, '--kafka-tls', ...login])?.sasl).toEqual(sasl);
    expect(settings([...BROKERS, ...login], true)?.sasl).toEqual(sasl);
    expect(settings(['--kafka-brokers', '127.0.0.1:9092', ...login])?.sasl).toEqual(sasl);
  });
});
