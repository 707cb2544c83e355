import { spawn, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import {
  doubleSparsity,
  duoAttention,
  lserve,
  razorAttention,
  xattention,
  type HeadPlan,
  type PolicySpec,
} from '@longhaul/attention';
import { createEmbeddedServer, embeddedSettings, type EmbeddedServer } from '@longhaul/embedded';
import { loadConfig } from '@longhaul/platform-config';
import { needleDocument, passKeyQuestion } from '@longhaul/testing';

jest.setTimeout(300_000);

const CLI = resolve(import.meta.dirname, '../dist/main.js');
const home = mkdtempSync(join(tmpdir(), 'longhaul-calibrate-'));
const inherited = Object.entries(process.env).filter(([name]) => !/^npm_|^NODE_OPTIONS$/i.test(name));
const env = { ...Object.fromEntries(inherited), LONGHAUL_HOME: home };
const SMALL = ['--tokens', '1024', '--samples', '3'];

const run = (...words: string[]) => spawnSync(process.execPath, [CLI, ...words], { env, encoding: 'utf8' });
const calibrate = (dir: string, ...words: string[]) => run('model', 'calibrate', dir, ...words);

interface Manifest {
  fingerprint: string;
  artefacts?: Record<string, { file: string; sha256: string }>;
}
const manifestOf = (dir: string): Manifest => JSON.parse(readFileSync(join(dir, 'manifest.json'), 'utf8')) as Manifest;

/** A package of the fixture model that nobody else writes to. */
function copyOf(name: string): string {
  const dir = join(home, 'copies', name);
  cpSync(needle, dir, { recursive: true });
  return dir;
}

let needle = '';
beforeAll(() => {
  const { stdout, stderr, status } = run('model', 'prepare', 'needle-3m');
  expect({ status, stderr: status === 0 ? '' : stderr }).toEqual({ status: 0, stderr: '' });
  needle = stdout.trim();
});
afterAll(() => rmSync(home, { recursive: true, force: true }));

async function serve<T>(dir: string, use: (server: EmbeddedServer) => Promise<T>, ...flags: string[]): Promise<T> {
  const argv = [
    '--model',
    dir,
    '--port',
    '0',
    '--log-level',
    'silent',
    '--kv-store',
    'off',
    '--kv-cache-tokens',
    '16384',
  ];
  const server = await createEmbeddedServer(loadConfig(embeddedSettings, { argv: [...argv, ...flags], env: {} }));
  try {
    return await use(server);
  } finally {
    await server.close();
  }
}

const document = needleDocument(2400, 2, 11);
const [first = { name: '', key: '' }] = document.passKeys;

interface Answer {
  choices: { message: { content: string } }[];
  usage: { longhaul: { policy: string; quality: string; density: { prefill: number; decode: number } } };
  error?: { param: string; message: string };
}

async function ask({ url }: EmbeddedServer, attention: PolicySpec): Promise<{ status: number; body: Answer }> {
  const content = `${document.text}\n${passKeyQuestion(first.name)}`;
  const asked = { messages: [{ role: 'user', content }], temperature: 0, max_tokens: 24, longhaul: { attention } };
  const response = await fetch(`${url}/v1/chat/completions`, {
    ...{ method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(asked) },
  });
  return { status: response.status, body: (await response.json()) as Answer };
}

const policy = (name: string, plans: HeadPlan[]): PolicySpec => ({ name, plans });
/** Each leaves out much of a text of some 3,600 tokens. */
const POLICIES: readonly PolicySpec[] = [
  policy('duo', duoAttention({ sinkTokens: 16, windowTokens: 128 })),
  policy('razor', razorAttention({ sparsity: 0.5, windowTokens: 128 })),
  policy('labels', doubleSparsity({ budgetTokens: 512, denseLayers: 1 })),
  policy('served', lserve({ budgetTokens: 1024 })),
  policy('blocks', xattention({ mass: 'calibrated' })),
];

describe('a package that is not calibrated', () => {
  it('is refused every policy that needs an artefact, by the field and with the command that helps', async () => {
    await serve(copyOf('bare'), async (server) => {
      for (const spec of POLICIES) {
        const { status, body } = await ask(server, spec);
        expect([status, body.error?.param]).toEqual([400, expect.stringContaining('longhaul.attention.plans[')]);
        expect(body.error?.message).toContain('`longhaul model calibrate needle-3m`');
      }
    });
  });
});

describe('longhaul model calibrate', () => {
  it('makes by the command of the refusal what policies need: they are served, and the model still answers right', async () => {
    const { status, stdout, stderr } = calibrate('needle-3m', ...SMALL);
    expect({ status, stderr }).toEqual({ status: 0, stderr: expect.stringContaining('Calibrating needle-3m') });
    expect(stdout).toMatch(/^gates .*\nlabel-channels .*\nxattention-thresholds /m);
    await serve(needle, async (server) => {
      const { data } = (await (await fetch(`${server.url}/v1/models`)).json()) as { data: { attention: object }[] };
      const artefacts = ['gates', 'label-channels', 'xattention-thresholds'];
      expect(data[0]?.attention).toMatchObject({ artefacts });
      for (const spec of POLICIES) {
        const { body } = await ask(server, spec);
        expect(body.error).toBeUndefined();
        const { policy: name, density } = body.usage.longhaul;
        expect([name, body.choices[0]?.message.content]).toEqual([name, expect.stringContaining(first.key)]);
        expect([name, Math.min(density.prefill, density.decode) < 0.8]).toEqual([name, true]);
      }
    });
  });

  it('is told of by model list, and by model verify', () => {
    const listed = JSON.parse(run('model', 'list', '--json').stdout) as { packages: { artefacts: string[] }[] };
    expect(listed.packages[0]?.artefacts).toEqual(['gates', 'label-channels', 'xattention-thresholds']);
    expect(run('model', 'list').stdout).toContain('gates, label-channels, xattention-thresholds');
    expect(run('model', 'verify', needle).stdout).toMatch(/files are as they were written/);
  });

  it('gives the same bytes again, and for another copy', () => {
    const { artefacts, fingerprint } = manifestOf(needle);
    expect(calibrate(needle, ...SMALL).status).toBe(0);
    expect(manifestOf(needle)).toMatchObject({ artefacts, fingerprint });
    const copy = copyOf('again');
    expect(calibrate(copy, ...SMALL).status).toBe(0);
    expect(manifestOf(copy).artefacts).toEqual(artefacts);
  });

  it('goes on after it was killed, and gives the same bytes', async () => {
    const copy = copyOf('killed');
    const records = join(home, 'calibrations', manifestOf(copy).fingerprint.slice(0, 32));
    const child = spawn(process.execPath, [CLI, 'model', 'calibrate', copy, ...SMALL], { env, stdio: 'ignore' });
    const ended = new Promise((done) => child.once('close', done));
    const onRecord = () => existsSync(records) && readdirSync(records).some((name) => name.endsWith('.json'));
    while (child.exitCode === null && !onRecord()) await delay(5);
    child.kill('SIGKILL');
    await ended;
    expect(onRecord()).toBe(true);
    expect(calibrate(copy, ...SMALL).status).toBe(0);
    expect(manifestOf(copy).artefacts).toEqual(manifestOf(needle).artefacts);
    expect(readdirSync(records)).toEqual([]);
  });

  it('measures what it is told to, and leaves the other artefacts as they are', () => {
    const copy = copyOf('part');
    const before = manifestOf(copy).artefacts;
    expect(calibrate(copy, '--methods', 'heads', '--gates', 'early-mass', ...SMALL).status).toBe(0);
    const after = manifestOf(copy).artefacts;
    expect(after?.['label-channels']).toEqual(before?.['label-channels']);
    expect(after?.['gates']).not.toEqual(before?.['gates']);
    const text = join(home, 'text.txt');
    writeFileSync(text, document.text);
    expect(calibrate(copy, '--methods', 'labels', '--text', text, ...SMALL).status).toBe(0);
    expect(manifestOf(copy).artefacts?.['label-channels']).not.toEqual(before?.['label-channels']);
  });

  it("takes the gates of DuoAttention's authors", () => {
    const copy = copyOf('imported');
    const pattern = join(home, 'full_attention_heads.tsv');
    writeFileSync(pattern, '1\t0.5\n0\t0.25\n0.5\t1\n0.75\t0\n');
    const { status, stdout } = calibrate(copy, '--import-heads', pattern);
    expect({ status, stdout }).toEqual({
      status: 0,
      stdout: expect.stringContaining('DuoAttention, full_attention_heads.tsv'),
    });
    const { file = '' } = manifestOf(copy).artefacts?.['gates'] ?? {};
    expect(JSON.parse(readFileSync(join(copy, file), 'utf8'))).toMatchObject({
      gates: [
        [1, 0.5],
        [0, 0.25],
        [0.5, 1],
        [0.75, 0],
      ],
    });
  });

  it.each<[string, string[], RegExp]>([
    ['no package', [], /Exactly one package/],
    ['what is no model', ['nowhere-at-all'], /nowhere-at-all/],
    ['samples that the model cannot read', ['needle-3m', '--tokens', '9999999'], /--tokens must be .* to \d+/],
    ['an unknown flag', ['needle-3m', '--token', '512'], /Did you mean --tokens/],
    [
      'a text that is shorter than a sample',
      ['needle-3m', '--text', CLI, '--tokens', '32000'],
      /--text: main.js has \d+ tokens/,
    ],
    [
      'an import beside a measurement',
      ['needle-3m', '--import-heads', 'x', '--samples', '2'],
      /--samples is for what is measured/,
    ],
  ])('refuses %s', (_, words, message) => {
    const { status, stderr } = run('model', 'calibrate', ...words);
    expect({ status, stderr }).toEqual({ status: 1, stderr: expect.stringMatching(message) });
  });
});

describe('a calibrated package', () => {
  it('is not served with an artefact that was changed, until it is calibrated anew', async () => {
    const copy = copyOf('changed');
    const { file = '' } = manifestOf(copy).artefacts?.['gates'] ?? {};
    writeFileSync(join(copy, file), readFileSync(join(copy, file), 'utf8').replace(/\d\]/, '1]'));
    await expect(serve(copy, () => Promise.resolve())).rejects.toMatchObject({
      reason: 'ATTENTION_ARTEFACT',
      message: expect.stringMatching(/has other contents\. Make it anew with `longhaul model calibrate`/),
    });
    expect(calibrate(copy, '--methods', 'heads', ...SMALL).status).toBe(0);
    await serve(copy, async (server) => expect((await ask(server, POLICIES[0] as PolicySpec)).status).toBe(200));
  });

  it('is without its artefacts where it rotates otherwise, and says so', async () => {
    const rotate = async (server: EmbeddedServer) => {
      const { status, body } = await ask(server, POLICIES[0] as PolicySpec);
      expect([status, body.error?.message]).toEqual([400, expect.stringContaining('--rope-scaling')]);
    };
    await serve(needle, rotate, '--rope-scaling', 'linear:2');
  });
});
