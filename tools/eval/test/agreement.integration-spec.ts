import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { prepareModel, type ModelPackage } from '@longhaul/model';
import { NEEDLE_3M } from '@longhaul/testing';
import { agree } from '../src/agreement/agree.js';
import type { Comparison } from '../src/agreement/comparison.js';
import { policyChoices } from '../src/policies/policy-choice.js';
import { PromptCodec } from '../src/prompt/prompt-codec.js';
import { Journal } from '../src/run/journal.js';
import { tokenizerFilesOf } from '../src/run/model.js';
import { passKeyTasks } from '../src/tasks/pass-keys/pass-key-tasks.js';

const POSITIONS = 24;
const home = mkdtempSync(join(tmpdir(), 'longhaul-eval-agreement-'));
let model: ModelPackage;
let codec: PromptCodec;
beforeAll(async () => {
  model = await prepareModel(NEEDLE_3M, { home, weights: 'int8' });
  codec = new PromptCodec(await tokenizerFilesOf(model));
});
afterAll(() => rmSync(home, { recursive: true }));

describe('agree', () => {
  it('finds a policy that is dense at this length equal to dense to the last bit, and a sparse one not', async () => {
    const journal = new Journal(null, {});
    const policies = policyChoices({ names: ['balanced'], files: [], layers: model.manifest.shape.layers });
    const plan = { policies, kvTypes: ['bf16'], tasks: passKeyTasks.slice(0, 1), lengths: [2048], samples: 1, seed: 1 };
    const options = {
      plan,
      codec,
      journal,
      model,
      positions: POSITIONS,
      threads: 1,
      output: { write: () => undefined },
    };
    await agree(options);
    const of = (denseBelow: number): Comparison | undefined =>
      journal.comparisons.find(({ dense_below }) => dense_below === denseBelow);
    expect(of(8192)?.prompt).toEqual({ positions: POSITIONS, same: POSITIONS, kl: 0 });
    expect(of(8192)?.answer).toMatchObject({ kl: 0 });
    expect(of(8192)?.answer.positions).toBeGreaterThan(4);
    expect(of(0)?.prompt.kl).toBeGreaterThan(0);
    expect(journal.comparisons).toHaveLength(2);
    await agree(options);
    expect(journal.comparisons).toHaveLength(2);
  });
});
