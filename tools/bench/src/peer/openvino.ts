import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type ColdPrompt, type ColdPromptTimes } from '../cold-prompt.js';

const VERSION = '2026.4.1.0';
const PROGRAM = resolve(import.meta.dirname, '..', '..', 'openvino', 'cold_prompt.py');

/** What OpenVINO is measured with. Its sparse attention is another result for another answer: it has no bar. */
export const OPENVINO_SETTINGS = ['dense', 'xattention'] as const;
export type OpenVinoSetting = (typeof OPENVINO_SETTINGS)[number];

/**
 * Installs OpenVINO GenAI from PyPI into a virtual environment of its own in `directory`, once. It is no dependency of
 * the project: nothing but the comparison needs it.
 *
 * @returns path of that environment's Python.
 */
export function installOpenVino(directory: string): string {
  const environment = join(directory, `openvino-${VERSION}`);
  const python = join(environment, 'bin', 'python');
  if (existsSync(python)) return python;
  const fresh = `${environment}.new`;
  rmSync(fresh, { recursive: true, force: true });
  mkdirSync(directory, { recursive: true });
  process.stderr.write(`installing openvino-genai ${VERSION}\n`);
  call('python3', ['-m', 'venv', fresh]);
  call(join(fresh, 'bin', 'python'), ['-m', 'pip', 'install', '--quiet', `openvino-genai==${VERSION}`]);
  // Python finds its environment by where it lies, so the finished folder may move.
  renameSync(fresh, environment);
  return python;
}

function call(command: string, args: readonly string[]): void {
  const result = spawnSync(command, args, { stdio: ['ignore', 'ignore', 'inherit'] });
  if (result.status !== 0) throw new Error(`${command} ${args.join(' ')} failed; OpenVINO GenAI cannot be measured`);
}

export interface OpenVinoOptions {
  python: string;
  modelPath: string;
  vocab: number;
  threads: number;
  setting: OpenVinoSetting;
}

/** One prompt, in a process of its own: the model is loaded and compiled before the clock starts. */
export async function measureOpenVino(options: OpenVinoOptions, prompt: ColdPrompt): Promise<ColdPromptTimes> {
  const words = {
    tokens: prompt.promptTokens,
    answer: prompt.answerTokens,
    chunk: prompt.chunkTokens,
    vocab: options.vocab,
    threads: options.threads,
    attention: options.setting,
  };
  const flags = Object.entries(words).flatMap(([name, value]) => [`--${name}`, String(value)]);
  return parseOpenVino(await outputOf(options.python, [PROGRAM, options.modelPath, ...flags]), prompt);
}

async function outputOf(command: string, args: readonly string[]): Promise<string> {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
  const code = await new Promise<number | null>((settled, failed) => {
    child.once('error', failed);
    child.once('close', settled);
  });
  if (code !== 0) throw new Error(`OpenVINO ended with exit code ${code}`);
  return output;
}

/** @throws Error where the program says nothing sensible, or has not read and answered what it was asked to. */
export function parseOpenVino(output: string, prompt: ColdPrompt): ColdPromptTimes {
  const line = output.trim().split('\n').at(-1) ?? '';
  const result = JSON.parse(line) as Partial<Record<string, number>>;
  const { first_token_seconds: firstTokenSeconds = NaN, token_seconds: tokenSeconds = NaN } = result;
  if (!(firstTokenSeconds > 0 && tokenSeconds > 0)) throw new Error(`OpenVINO gave no times: ${line}`);
  if (result['read'] !== prompt.promptTokens || result['answered'] !== prompt.answerTokens) {
    throw new Error(`OpenVINO read or answered another number of tokens: ${line}`);
  }
  return { firstTokenSeconds, tokenSeconds };
}
