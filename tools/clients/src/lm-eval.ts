import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { needleDocument, passKeyQuestion, seededRandom } from '@longhaul/testing';
import { SOURCES } from './install.js';
import type { Row } from './row.js';
import { runCommand } from './run-command.js';
import type { Served } from './served.js';

const DOCUMENTS = 12;
const CHOICES = 4;

/** A question over a document, with the right key among wrong ones. */
function question(seed: number) {
  const { text, passKeys } = needleDocument(60, 1, seed);
  const [{ name, key } = { name: '', key: '' }] = passKeys;
  const random = seededRandom(seed);
  const gold = Math.floor(random() * CHOICES);
  const keys = Array.from({ length: CHOICES }, (_, index) =>
    index === gold ? key : String(10_000 + Math.floor(random() * 90_000)),
  );
  return {
    prompt: `<|bos|><|user|>${text}\n${passKeyQuestion(name)}<|end|><|assistant|>`,
    chat: `${text}\n${passKeyQuestion(name)}`,
    answer: `The pass key of ${name} is ${key}.`,
    choices: keys.map((one) => `The pass key of ${name} is ${one}.`),
    gold,
  };
}

/** Writes tasks and data that need no network; the model answers all of them rightly. */
function writeTasks(folder: string): void {
  mkdirSync(folder, { recursive: true });
  const data = join(folder, 'questions.jsonl');
  const lines = Array.from({ length: DOCUMENTS }, (_, index) => JSON.stringify(question(100 + index)));
  writeFileSync(data, `${lines.join('\n')}\n`);
  for (const name of readdirSync(join(SOURCES, 'lm_eval'))) {
    const text = readFileSync(join(SOURCES, 'lm_eval', name), 'utf8');
    writeFileSync(join(folder, name), text.replace('DATA_FILE', data));
  }
}

interface Evaluation {
  readonly call: string;
  readonly task: string;
  readonly model: string;
  readonly path: string;
  readonly words: readonly string[];
  readonly metric: string;
}

const EVALUATIONS: readonly Evaluation[] = [
  {
    call: 'local-completions, loglikelihood',
    task: 'longhaul_choice',
    model: 'local-completions',
    path: '/v1/completions',
    words: [],
    metric: 'acc',
  },
  {
    call: 'local-completions, generate_until',
    task: 'longhaul_generate',
    model: 'local-completions',
    path: '/v1/completions',
    words: [],
    metric: 'exact_match',
  },
  {
    call: 'local-chat-completions',
    task: 'longhaul_chat',
    model: 'local-chat-completions',
    path: '/v1/chat/completions',
    words: ['--apply_chat_template'],
    metric: 'exact_match',
  },
];

/** Runs the evaluation harness; every question has to be answered rightly. */
export async function lmEvalRows(client: string, python: string, served: Served, folder: string): Promise<Row[]> {
  const tasks = join(folder, 'tasks');
  writeTasks(tasks);
  const rows: Row[] = [];
  for (const one of EVALUATIONS) rows.push(await evaluate(one, { client, python, served, tasks, folder }));
  return rows;
}

async function evaluate(
  one: Evaluation,
  context: { client: string; python: string; served: Served; tasks: string; folder: string },
): Promise<Row> {
  const { client, python, served, tasks, folder } = context;
  const tokenizer = `tokenizer_backend=huggingface,tokenizer=${served.modelDir},tokenized_requests=False`;
  const base = `model=needle-3m,base_url=${served.server.url}${one.path},num_concurrent=2,max_length=2000,max_retries=1`;
  const words = ['-m', 'lm_eval', '--model', one.model, '--model_args', `${base},${tokenizer}`, '--tasks', one.task];
  const out = join(folder, `lm-eval-${one.task}`);
  const rest = ['--include_path', tasks, '--output_path', out, ...one.words];
  const { code, stdout, stderr } = await runCommand(python, [...words, ...rest], {
    env: { ...served.env, HF_HOME: join(folder, 'hf') },
  });
  if (code !== 0)
    return { client, call: one.call, result: 'failed', note: stderr.trim().split('\n').slice(-3).join(' ') };
  const value = Number(new RegExp(`\\|${one.metric}\\s*\\|[^|]*\\|\\s*([\\d.]+)`).exec(stdout)?.[1] ?? Number.NaN);
  return { client, call: one.call, result: value === 1 ? 'ok' : 'failed', note: `${one.metric} ${value}` };
}
