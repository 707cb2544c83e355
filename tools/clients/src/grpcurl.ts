import type { Row } from './row.js';
import { runCommand, type Ended } from './run-command.js';
import type { Served } from './served.js';

const SERVICE = 'longhaul.inference.v1.InferenceService';

interface GrpcurlCall {
  readonly call: string;
  readonly words: readonly string[];
  /** What its output has to say. */
  readonly says: RegExp;
  readonly fails?: boolean;
  readonly withoutKey?: boolean;
}

function calls(question: string, answer: string): readonly GrpcurlCall[] {
  const chat = { chat: { messages: [{ role: 'user', content: question }] }, sampling: { temperature: 0 } };
  return [
    { call: 'list', words: ['list'], says: new RegExp(`${SERVICE}\\n?`) },
    { call: 'list: methods', words: ['list', SERVICE], says: /Generate[\s\S]*ModelInfo[\s\S]*Tokenize/ },
    { call: 'describe', words: ['describe'], says: /rpc Generate/ },
    {
      call: 'describe: message',
      words: ['describe', 'longhaul.inference.v1.Sampling'],
      says: /map<uint32, float> logit_bias/,
    },
    { call: 'Health/Check', words: ['grpc.health.v1.Health/Check'], says: /SERVING/ },
    { call: 'ModelInfo', words: [`${SERVICE}/ModelInfo`], says: /needle-3m/ },
    {
      call: 'ModelInfo without a key',
      words: [`${SERVICE}/ModelInfo`],
      says: /Unauthenticated/,
      fails: true,
      withoutKey: true,
    },
    { call: 'Tokenize', words: ['-d', '{"text":"The river"}', `${SERVICE}/Tokenize`], says: /tokenIds/ },
    {
      call: 'Generate',
      words: ['-d', JSON.stringify(chat), `${SERVICE}/Generate`],
      says: new RegExp(answer.split('').join('[\\s\\S]*')),
    },
    {
      call: 'Generate: out of range',
      words: ['-d', '{"prompt":"a","sampling":{"temperature":9}}', `${SERVICE}/Generate`],
      says: /InvalidArgument[\s\S]*temperature/,
      fails: true,
    },
    { call: 'unknown method', words: [`${SERVICE}/Nothing`], says: /does not include|Unimplemented/, fails: true },
  ];
}

/** Calls every service that the port lists by reflection alone: no proto file is given. */
export async function grpcurlRows(client: string, grpcurl: string, { env }: Served): Promise<Row[]> {
  const rows: Row[] = [];
  for (const one of calls(env['CLIENTS_QUESTION'] ?? '', env['CLIENTS_ANSWER'] ?? '')) {
    const key = one.withoutKey ? [] : ['-H', `authorization: Bearer ${env['CLIENTS_KEY']}`];
    const address = env['CLIENTS_GRPC'] ?? '';
    // Flags and data stand before the address, what to do behind it.
    const data = one.words[0] === '-d' ? one.words.slice(0, 2) : [];
    const ended = await runCommand(grpcurl, ['-plaintext', ...key, ...data, address, ...one.words.slice(data.length)]);
    rows.push(judged(client, one, ended));
  }
  return rows;
}

function judged(client: string, one: GrpcurlCall, { code, stdout, stderr }: Ended): Row {
  const text = `${stdout}${stderr}`;
  const isRight = (code !== 0) === (one.fails === true) && one.says.test(text);
  return {
    client,
    call: one.call,
    result: isRight ? 'ok' : 'failed',
    note: isRight ? '' : `exit code ${code}: ${text}`,
  };
}
