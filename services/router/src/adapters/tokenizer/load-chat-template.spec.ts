import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from '@jest/globals';
import { loadChatTemplate } from './load-chat-template.js';

const TEMPLATE = '{% for m in messages %}{{ m.content }}{% endfor %}';
const directory = mkdtempSync(join(tmpdir(), 'longhaul-template-'));
const pathOf = (name: string) => join(directory, name);

afterAll(() => rmSync(directory, { recursive: true }));

describe('--chat-template', () => {
  it('takes a file or the text itself', () => {
    writeFileSync(pathOf('own.jinja'), TEMPLATE);
    expect(loadChatTemplate(pathOf('own.jinja'))).toBe(TEMPLATE);
    expect(loadChatTemplate(TEMPLATE)).toBe(TEMPLATE);
  });

  it('refuses what is no readable file of a sane size, and waits for nothing', () => {
    writeFileSync(pathOf('large'), 'x'.repeat(2 ** 20 + 1));
    execFileSync('mkfifo', [pathOf('pipe')]);
    for (const path of [pathOf('large'), pathOf('pipe'), directory, pathOf('missing'), '/dev/zero']) {
      expect(() => loadChatTemplate(path)).toThrow(expect.objectContaining({ reason: 'CHAT_TEMPLATE_UNREADABLE' }));
    }
  });

  it('refuses a template that cannot be parsed, before anything is served', () => {
    expect(() => loadChatTemplate('{% for %}')).toThrow(
      expect.objectContaining({ code: 'INVALID_ARGUMENT', reason: 'UNSUPPORTED_CHAT_TEMPLATE' }),
    );
  });
});
