import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { KV_DTYPES, type KvDtype } from '@longhaul/engine-native';
import { invalidArgument } from '@longhaul/kernel';
import type { WeightScheme } from '@longhaul/model';
import { policyNames } from './policies/policy-choice.js';
import type { PromptForm } from './prompt/prompt-codec.js';

export interface EvalOptions {
  readonly model: string;
  readonly weights: WeightScheme;
  readonly policies: readonly string[];
  /** Files of policies that are written out. */
  readonly policyFiles: readonly string[];
  readonly lengths: readonly number[];
  /** Names of tasks and of groups of them. */
  readonly tasks: readonly string[];
  readonly samples: number;
  readonly kvTypes: readonly KvDtype[];
  /** Of summaries: tasks that dense does less well are left out. */
  readonly denseAtLeast: number;
  /** At which logits are compared with dense; 0 leaves that out. */
  readonly positions: number;
  readonly seed: number;
  /** Undefined takes the model's template where it has one. */
  readonly form: PromptForm | undefined;
  readonly threads: number | null;
  /** SQuAD and HotpotQA files. */
  readonly qa1: string | null;
  readonly qa2: string | null;
  /** Directory with LongBench's files, one data set each, and its file of prompts. */
  readonly longbench: string | null;
  readonly longbenchPrompts: string | null;
  readonly dump: string | null;
  readonly json: string | null;
  readonly plot: string | null;
  readonly resume: string | null;
}

export const HELP = `npm run eval -- [options]
  --model NAME         needle-3m, a known model, a checkpoint or a package source   (smollm2-135m-instruct)
  --weights SCHEME     f32, int8 or int4   (int8)
  --policies A,B       beside dense, which is always there: ${policyNames().slice(1).join(', ')}
  --policy-file A,B    JSON files, each a policy or a list of policies
  --lengths A,B        tokens of prompt and answer together   (4096)
  --tasks A,B          tasks, or groups of them: ruler, threading, pass-keys, longbench   (ruler)
  --samples N          of each task and length   (10)
  --kv A,B             KV types: ${KV_DTYPES.join(', ')}   (bf16)
  --dense-at-least P   percent: tasks that dense does less well are left out of summaries and plot   (0)
  --positions N        at the end of every prompt and in its answer, where logits are compared with dense   (0)
  --seed N             of all samples   (1)
  --form chat|plain    by the model's template or as they are   (chat where the model has a template)
  --threads N          of the server   (its own default)
  --qa-1 FILE          SQuAD JSON for qa_1
  --qa-2 FILE          HotpotQA JSON for qa_2
  --longbench DIR      LongBench's files, DIR/hotpotqa.jsonl and so on, for lb_hotpotqa ...
  --longbench-prompts FILE   its dataset2prompt.json, in place of our own words
  --dump FILE          writes the samples as JSON lines and asks nothing
  --json FILE          rows and summaries
  --plot FILE.svg      accuracy over time saved
  --resume FILE        journal of finished samples; made, or read and gone on with
`;

const SCHEMES: readonly WeightScheme[] = ['f32', 'int8', 'int4'];
const FORMS: readonly PromptForm[] = ['chat', 'plain'];
const LENGTH_RANGE = [256, 2 ** 20] as const;

/** @returns null where help was asked for. @throws AppError `INVALID_ARGUMENT` naming the flag and its limits. */
export function parseOptions(args: readonly string[]): EvalOptions | null {
  const values = parsedFlags(args);
  if (values.help) return null;
  const form = values.form;
  return {
    model: values.model,
    weights: oneOf('--weights', values.weights, SCHEMES),
    policies: listOf('--policies', values.policies ?? 'dense'),
    policyFiles: values['policy-file'] === undefined ? [] : listOf('--policy-file', values['policy-file']).map(full),
    lengths: listOf('--lengths', values.lengths).map((text) => integer('--lengths', text, LENGTH_RANGE)),
    tasks: listOf('--tasks', values.tasks),
    samples: integer('--samples', values.samples, [1, 10_000]),
    kvTypes: listOf('--kv', values.kv).map((text) => oneOf('--kv', text, KV_DTYPES)),
    denseAtLeast: integer('--dense-at-least', values['dense-at-least'], [0, 100]) / 100,
    positions: integer('--positions', values.positions, [0, 512]),
    seed: integer('--seed', values.seed, [0, 2 ** 31]),
    form: form === undefined ? undefined : oneOf('--form', form, FORMS),
    threads: values.threads === undefined ? null : integer('--threads', values.threads, [1, 256]),
    qa1: path(values['qa-1']),
    qa2: path(values['qa-2']),
    longbench: path(values.longbench),
    longbenchPrompts: path(values['longbench-prompts']),
    dump: path(values.dump),
    json: path(values.json),
    plot: path(values.plot),
    resume: path(values.resume),
  };
}

function parsedFlags(args: readonly string[]) {
  const text = { type: 'string' } as const;
  try {
    return parseArgs({
      args: [...args],
      options: {
        model: { ...text, default: 'smollm2-135m-instruct' },
        weights: { ...text, default: 'int8' },
        lengths: { ...text, default: '4096' },
        tasks: { ...text, default: 'ruler' },
        samples: { ...text, default: '10' },
        kv: { ...text, default: 'bf16' },
        'dense-at-least': { ...text, default: '0' },
        positions: { ...text, default: '0' },
        seed: { ...text, default: '1' },
        help: { type: 'boolean', default: false },
        ...{ policies: text, 'policy-file': text, form: text, threads: text, 'qa-1': text, 'qa-2': text },
        ...{ longbench: text, 'longbench-prompts': text },
        ...{ dump: text, json: text, plot: text, resume: text },
      },
    }).values;
  } catch (cause) {
    const said = cause instanceof Error ? cause.message : String(cause);
    throw invalidArgument('options', `${said.split('. ')[0] ?? ''}. See --help.`);
  }
}

/** Every entry once, in order. */
function listOf(flag: string, text: string): string[] {
  const entries = [...new Set(text.split(',').map((entry) => entry.trim()))];
  if (entries.includes('')) throw invalidArgument(flag, `${flag} is a list of words with commas between them.`);
  return entries;
}

function oneOf<Word extends string>(flag: string, text: string, words: readonly Word[]): Word {
  const word = words.find((known) => known === text);
  if (word === undefined) throw invalidArgument(flag, `${flag}: ${text} is not one of ${words.join(', ')}.`);
  return word;
}

function integer(flag: string, text: string, [least, most]: readonly [number, number]): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= least && value <= most) return value;
  throw invalidArgument(flag, `${flag}: ${text} is no whole number from ${least} to ${most}.`);
}

const full = (text: string): string => resolve(text);

function path(text: string | undefined): string | null {
  return text === undefined ? null : full(text);
}
