import { randomUUID } from 'node:crypto';
import { passKeyQuestion, type NeedleDocument } from '@longhaul/testing';
import { invalidArgument } from '@longhaul/kernel';
import { askOver, requirePolicy, type Answer, type DemoAttention } from '../demo/ask-over.js';
import { documentOfLength } from '../demo/document-of-length.js';
import { answerLines, comparisonLines, densityLine } from '../demo/report-answer.js';
import { integerFlag, parseFlags, refuseWords, type Flags } from '../flags.js';
import { CLIENT_FLAGS, withClient, type Connection } from '../with-client.js';

export const DEMO_HELP = `longhaul demo [--tokens 6000] [--questions 3] [--seed 1] [--attention balanced] [--url URL] [--api-key KEY] [--model NAME] [--weights f32|int8|int4]
  Hides facts in a long document, asks for them, and asks again over the same document to show the prefix cache.
  --tokens: 200 to 1000000, --questions: 2 to 10. Without --url a server is started for the time of the demo.
  --attention: a preset (balanced, fast) or a policy as JSON; asks everything twice, dense and so, and compares.`;

interface Asked {
  readonly document: NeedleDocument;
  readonly tokens: number;
}

/** `longhaul demo`: a table on stdout, progress on stderr. */
export async function demoCommand(argv: readonly string[]): Promise<void> {
  const flags = parseFlags(argv, [...CLIENT_FLAGS, 'tokens', 'questions', 'seed', 'attention']);
  refuseWords(flags);
  const tokens = integerFlag(flags, 'tokens', { min: 200, max: 1_000_000, default: 6000 });
  const questions = integerFlag(flags, 'questions', { min: 2, max: 10, default: 3 });
  const seed = integerFlag(flags, 'seed', { min: 0, max: 2 ** 31, default: 1 });
  const attention = attentionFlag(flags);
  await withClient(
    flags,
    async (connection) => {
      if (attention !== undefined) await requirePolicy(connection, attention);
      const document = await documentOfLength(connection, { tokens, questions, seed });
      const intro = `a document of about ${tokens} tokens with ${questions} pass keys in it`;
      console.log(`model ${connection.model}, ${intro}\n`);
      const asked = { document, tokens };
      await (attention === undefined ? showOne(connection, asked) : showBoth(connection, asked, attention));
    },
    tokens + 1024,
  );
}

function attentionFlag({ values: { attention } }: Flags): DemoAttention | undefined {
  if (attention === undefined || !attention.trimStart().startsWith('{')) return attention;
  try {
    return JSON.parse(attention) as object;
  } catch {
    throw invalidArgument('--attention', '--attention begins as JSON and is none.');
  }
}

async function showOne(connection: Connection, { document, tokens }: Asked): Promise<void> {
  let right = 0;
  for (const [index, { name, key }] of document.passKeys.entries()) {
    const question = passKeyQuestion(name);
    const prefillTokens = index === 0 ? tokens : null;
    const answer = await askOver(connection, { document: document.text, text: question, extras: {}, prefillTokens });
    const isRight = answer.text.includes(key);
    right += isRight ? 1 : 0;
    const [said = '', took = ''] = answerLines(answer, isRight);
    console.log(`Q  ${question}\nA  ${said}\n   ${took}\n`);
  }
  console.log(`${right} of ${document.passKeys.length} answers are right`);
}

/** Everything dense, then everything under the policy, so that neither waits for the other's first look at the document. */
async function showBoth(connection: Connection, asked: Asked, attention: DemoAttention): Promise<void> {
  const dense = await askAll(connection, asked, 'dense');
  const other = await askAll(connection, asked, attention);
  const name = other[0]?.attention?.policy ?? 'the policy';
  const width = Math.max('dense'.length, name.length) + 2;
  const isRight = (answers: readonly Answer[], at: number) =>
    answers[at]?.text.includes(asked.document.passKeys[at]?.key ?? '') === true;
  for (const [at, passKey] of asked.document.passKeys.entries()) {
    console.log(`Q  ${passKeyQuestion(passKey.name)}`);
    for (const [label, answers] of [
      ['dense', dense],
      [name, other],
    ] as const) {
      const answer = answers[at];
      if (answer === undefined) continue;
      const [said, ...took] = [...answerLines(answer, isRight(answers, at)), densityLine(answer)];
      console.log(`   ${label.padEnd(width)}${said}`);
      for (const line of took) console.log(`   ${' '.repeat(width)}${line}`);
    }
    console.log('');
  }
  const count = (answers: readonly Answer[]) => answers.filter((_, at) => isRight(answers, at)).length;
  console.log(`${count(dense)} of ${dense.length} answers are right dense, ${count(other)} ${name}`);
  for (const line of comparisonLines(name, dense, other)) console.log(line);
}

async function askAll(connection: Connection, asked: Asked, attention: DemoAttention): Promise<readonly Answer[]> {
  const { document, tokens } = asked;
  const answers: Answer[] = [];
  // What is compared starts cold, whatever the server has seen before.
  const extras = { longhaul: { attention }, cache_salt: `demo ${randomUUID()}` };
  for (const [index, { name }] of document.passKeys.entries()) {
    const question = { document: document.text, text: passKeyQuestion(name), extras };
    answers.push(await askOver(connection, { ...question, prefillTokens: index === 0 ? tokens : null }));
  }
  return answers;
}
