import { describe, expect, it } from '@jest/globals';
import { AppError } from '@longhaul/kernel';
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

  it('refuses stray words, repeated flags and flags without a value', () => {
    expect(faultsOf(['word', '--model', 'a'])).toContain('argument 1 is not a flag');
    expect(faultsOf(['--model', 'a', '--model', 'b'])).toContain('--model: given twice');
    expect(faultsOf(['--model'])).toContain('--model: needs a value');
  });

  it('documents every key', () => {
    expect(markdownTable(settings)).toContain(
      '| `--api-key` | `LONGHAUL_API_KEY` | none |  | Key that clients send. **Secret.** |',
    );
    expect(helpText('router', settings)).toContain('--max-model-len <value>');
  });
});
