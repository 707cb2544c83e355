import { describe, expect, it } from '@jest/globals';
import { AppError } from '@longhaul/kernel';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { helpText, loadConfig, markdownTable, values } from './index.js';

const settings = {
  port: { schema: values.port().default(8000), description: 'Port of the HTTP server.' },
  maxModelLen: { schema: values.integer(1).optional(), description: 'Longest context.', unit: 'tokens' },
  apiKey: { schema: values.text().optional(), description: 'Key that clients send.', secret: true },
  kvBytes: { schema: values.bytes().default(1024), description: 'Size of the pool.', unit: 'bytes' },
  warm: { schema: values.flag().default(true), description: 'Warm up.', isSwitch: true },
  model: { schema: values.text(), description: 'Model package.' },
};

function faultsOf(argv: string[], env: Record<string, string> = {}): string {
  try {
    loadConfig(settings, { argv, env });
  } catch (error) {
    return AppError.from(error).message;
  }
  return '';
}

describe('loadConfig', () => {
  it('takes flags before variables before defaults', () => {
    const config = loadConfig(settings, {
      argv: ['--model', 'a', '--port=1', '--no-warm'],
      env: { LONGHAUL_PORT: '2', LONGHAUL_MAX_MODEL_LEN: '4096', LONGHAUL_KV_BYTES: '2KiB' },
    });
    expect(config).toEqual({ model: 'a', port: 1, maxModelLen: 4096, kvBytes: 2048, warm: false, apiKey: undefined });
    expect(Object.isFrozen(config)).toBe(true);
  });

  it('lists all faults at once by key and never shows a value', () => {
    const message = faultsOf(['--port', '99999', '--nonsense', 'x', '--kv-bytes', 'lots'], {
      LONGHAUL_MAX_MODEL_LEN: 's3cret',
    });
    expect(message).toContain('--port (LONGHAUL_PORT): must be at most 65535');
    expect(message).toContain('--nonsense: unknown flag');
    expect(message).toContain('--kv-bytes (LONGHAUL_KV_BYTES): must be a size');
    expect(message).toContain('--max-model-len (LONGHAUL_MAX_MODEL_LEN): must be a whole number');
    expect(message).toContain('--model (LONGHAUL_MODEL): is required');
    expect(message).not.toContain('s3cret');
  });

  it('names the known key that a misspelt one probably means', () => {
    const message = faultsOf(['--max-modle-len', '5', '--prot=1', '--wurm'], { LONGHAUL_MODLE: 'a' });
    expect(message).toContain('--max-modle-len: unknown flag; did you mean --max-model-len?');
    expect(message).toContain('--prot: unknown flag; did you mean --port?');
    expect(message).toContain('LONGHAUL_MODLE: unknown variable; did you mean LONGHAUL_MODEL?');
    expect(faultsOf(['--frobnicate'])).toMatch(/--frobnicate: unknown flag$/m);
  });

  it('leaves variables alone that belong to something else', () => {
    const env = { LONGHAUL_MODEL: 'a', LONGHAUL_HOME: '/x', LONGHAUL_ROUTER_SERVICE_PORT: '1', LONGHAUL_MODELS: 'y' };
    expect(faultsOf([], env)).toBe('');
  });

  it('takes secrets from files, and only secrets', () => {
    const folder = mkdtempSync(join(tmpdir(), 'longhaul-config-'));
    const path = join(folder, 'key');
    writeFileSync(path, 's3cret key\n');
    const load = (env: Record<string, string>) => loadConfig(settings, { argv: ['--model', 'a'], env });
    expect(load({ LONGHAUL_API_KEY_FILE: path }).apiKey).toBe('s3cret key');
    expect(load({ LONGHAUL_KV_BYTES_FILE: path }).kvBytes).toBe(1024);
    const twice = faultsOf(['--model', 'a'], { LONGHAUL_API_KEY_FILE: path, LONGHAUL_API_KEY: 'x' });
    expect(twice).toContain('--api-key (LONGHAUL_API_KEY): is given twice, also by LONGHAUL_API_KEY_FILE');
    const missing = faultsOf(['--model', 'a'], { LONGHAUL_API_KEY_FILE: join(folder, 'none') });
    expect(missing).toContain(`--api-key (LONGHAUL_API_KEY_FILE): ${join(folder, 'none')} is not there`);
    const endless = faultsOf(['--model', 'a'], { LONGHAUL_API_KEY_FILE: '/dev/zero' });
    expect(endless).toContain('--api-key (LONGHAUL_API_KEY_FILE): /dev/zero is a device; a regular file is needed');
    writeFileSync(path, 'x'.repeat(65_537));
    const large = faultsOf(['--model', 'a'], { LONGHAUL_API_KEY_FILE: path });
    expect(large).toContain('has 65537 bytes; at most 65536 are read');
    rmSync(folder, { recursive: true });
  });

  it('refuses stray words, repeated flags and flags without a value', () => {
    expect(faultsOf(['word', '--model', 'a'])).toContain('argument 1 is not a flag');
    expect(faultsOf(['--model', 'a', '--model', 'b'])).toContain('--model: given twice');
    expect(faultsOf(['--model'])).toContain('--model: needs a value');
  });

  it('documents every key', () => {
    expect(markdownTable(settings)).toContain(
      '| `--api-key` | `LONGHAUL_API_KEY` | none |  |  | Key that clients send. **Secret**; `LONGHAUL_API_KEY_FILE` may name',
    );
    expect(helpText('router', settings)).toContain('--max-model-len <value>');
  });

  it('says which values a key takes, as the schema has them', () => {
    const level = { schema: values.oneOf('low', 'high').default('low'), description: 'Level.' };
    const page = markdownTable({ ...settings, level, kind: { ...level, allowed: 'any of three' } });
    expect(page).toContain('| `--port` | `LONGHAUL_PORT` | 8000 | 0 to 65535 |');
    expect(page).toContain('| `--max-model-len` | `LONGHAUL_MAX_MODEL_LEN` | none | at least 1 | tokens |');
    expect(page).toContain('| `--warm` | `LONGHAUL_WARM` | true | true, false |');
    expect(page).toContain('| `--level` | `LONGHAUL_LEVEL` | low | low, high |');
    expect(page).toContain('| `--kind` | `LONGHAUL_KIND` | low | any of three |');
    expect(helpText('router', { level })).toContain('Level. [default low; low, high]');
  });
});
