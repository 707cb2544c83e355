/** A sandbox process: renders templates and runs expressions that a checkpoint brought. It may be ended at any time. */
import { Worker } from 'node:worker_threads';
import { AppError } from '@longhaul/kernel';
import {
  createChatTemplate,
  createTokenizer,
  openLastTurn,
  type ChatTemplate,
  type Tokenizer,
} from '@longhaul/tokenizer';
import type { FromSandbox, Job, SandboxModel, ToSandbox, WireError } from './messages.js';

/** Looks whether the parent is still there, also while the main thread is in an endless loop. */
const WATCH_PARENT = `
setInterval(() => {
  if (process.ppid !== require('node:worker_threads').workerData) process.kill(process.pid, 'SIGKILL');
}, 1000);`;

let template: ChatTemplate | undefined;
let tokenizer: Tokenizer | undefined;

function open(model: SandboxModel): void {
  template = createChatTemplate(model, model);
  const { tokenizerJson, tokenizerConfigJson } = model;
  if (tokenizerJson === null) return;
  tokenizer = createTokenizer({ tokenizerJson, tokenizerConfigJson }, { runForeignPatterns: true });
}

function run(job: Job): unknown {
  if (job.kind === 'encode') return tokenizer?.encode(job.text, job.options);
  const { addGenerationPrompt, continueFinalMessage, variables } = job.options;
  const turn = continueFinalMessage ? openLastTurn(job.messages) : { messages: job.messages, cut: undefined };
  const rendered = template?.prompt(turn.messages, { addGenerationPrompt, variables });
  return turn.cut && rendered ? turn.cut(rendered) : rendered;
}

function wireError(thrown: unknown): WireError {
  const { code, reason, message, field, details } = AppError.from(thrown);
  return { code, reason, message, field, details };
}

function answer(message: FromSandbox): void {
  process.send?.(message);
}

process.on('message', (message: ToSandbox) => {
  if (message.kind === 'open') {
    open(message.model);
    answer({ kind: 'ready' });
    return;
  }
  const { id, job } = message;
  try {
    answer({ kind: 'done', id, value: run(job) });
  } catch (error) {
    answer({ kind: 'failed', id, error: wireError(error) });
  }
});
process.on('disconnect', () => process.exit(0));
// A terminal signals the whole group; the parent ends this process when it has drained.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined);
new Worker(WATCH_PARENT, { eval: true, workerData: Number(process.argv[2]) });
