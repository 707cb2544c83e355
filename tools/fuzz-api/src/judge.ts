import { status as grpcStatus } from '@grpc/grpc-js';
import type { ApiCase, Expectation, Outcome } from './case.js';

/** What an outcome counts as in the report. */
export type Verdict = 'answered' | 'refused' | 'busy' | 'closed' | 'cancelled';

export interface Judgement {
  readonly verdict: Verdict;
  /** What was wrong, one sentence each; empty when all is well. */
  readonly faults: readonly string[];
}

const TOO_MANY = 429;
/** What a gRPC call never ends with while the server is well. */
const FAILURES = ['UNKNOWN', 'INTERNAL', 'DATA_LOSS', 'UNAVAILABLE', 'ABORTED', 'DEADLINE_EXCEEDED'] as const;
/** Inner matters that no client may see. */
const INSIDE = /\n {4}at |node_modules|\/dist\/|\/src\/|\.js:\d+|\.ts:\d+/;

/** Whether what came back is right for the case, and right for any case. */
export function judge(one: ApiCase, outcome: Outcome): Judgement {
  switch (outcome.kind) {
    case 'cancelled':
      return { verdict: 'cancelled', faults: [] };
    case 'closed':
      return { verdict: 'closed', faults: one.transport === 'raw' ? [] : [`no answer: ${outcome.why}`] };
    case 'grpc':
      return judgeGrpc(one.expect, outcome);
    case 'http':
      return judgeHttp(one, outcome);
  }
}

function judgeGrpc(expect: Expectation, { code, message }: { code: number; message: string }): Judgement {
  const name = grpcStatus[code] ?? String(code);
  if (code === grpcStatus.OK) return { verdict: 'answered', faults: refusalFaults(expect) };
  if (code === grpcStatus.RESOURCE_EXHAUSTED) return { verdict: 'busy', faults: [] };
  const faults: string[] = [];
  if (FAILURES.some((failure) => grpcStatus[failure] === code)) faults.push(`${name}: ${message}`);
  if (expect.kind === 'answered') faults.push(`refused with ${name}: ${message}`);
  if (message === '') faults.push(`${name} without a message`);
  if (INSIDE.test(message)) faults.push(`the message shows inner matters: ${message.slice(0, 300)}`);
  if (expect.kind === 'refused' && expect.field !== undefined && !message.includes(expect.field))
    faults.push(`the message does not name ${expect.field}: ${message.slice(0, 300)}`);
  return { verdict: 'refused', faults };
}

type HttpOutcome = Extract<Outcome, { kind: 'http' }>;

function judgeHttp(one: ApiCase, outcome: HttpOutcome): Judgement {
  const { status } = outcome;
  if (status >= 500) return { verdict: 'refused', faults: [`HTTP ${status}: ${outcome.text.slice(0, 300)}`] };
  if (status === TOO_MANY) return { verdict: 'busy', faults: errorFaults(one, outcome) };
  if (status >= 400)
    return { verdict: 'refused', faults: [...errorFaults(one, outcome), ...statusFaults(one, outcome)] };
  const faults = isHead(one) ? [] : answerFaults(outcome);
  return { verdict: 'answered', faults: [...refusalFaults(one.expect, status), ...faults] };
}

function refusalFaults(expect: Expectation, status?: number): string[] {
  return expect.kind === 'refused'
    ? [`answered${status === undefined ? '' : ` with ${status}`}, should be refused`]
    : [];
}

function statusFaults({ expect }: ApiCase, { status, text }: HttpOutcome): string[] {
  if (expect.kind === 'answered') return [`refused with ${status}: ${text.slice(0, 300)}`];
  const wanted = expect.kind === 'refused' ? expect.statuses : undefined;
  return wanted === undefined || wanted.includes(status)
    ? []
    : [`${status} instead of ${wanted.join(' or ')}: ${text.slice(0, 300)}`];
}

interface ErrorBody {
  readonly error?: {
    readonly message?: unknown;
    readonly type?: unknown;
    readonly param?: unknown;
    readonly code?: unknown;
  };
}

/** Every refusal has the body that OpenAI's clients read, with the field where the case is about one. */
function errorFaults(one: ApiCase, { contentType, text }: HttpOutcome): string[] {
  if (isHead(one)) return [];
  if (!contentType.startsWith('application/json')) return [`an error of type '${contentType}': ${text.slice(0, 200)}`];
  const error = parsed(text)?.error;
  if (typeof error?.message !== 'string' || error.message === '') return [`no OpenAI error: ${text.slice(0, 200)}`];
  const faults: string[] = [];
  const { message, type, param, code } = error;
  if (typeof type !== 'string' || typeof code !== 'string')
    faults.push(`an error without type or code: ${text.slice(0, 200)}`);
  if (param !== null && typeof param !== 'string') faults.push(`param is ${String(param)}`);
  if (INSIDE.test(message)) faults.push(`the message shows inner matters: ${message.slice(0, 300)}`);
  if (one.expect.kind === 'refused' && one.expect.field !== undefined && !isWithin(param, one.expect.field))
    faults.push(`param is ${JSON.stringify(param)}, should be ${one.expect.field}: ${message.slice(0, 200)}`);
  return faults;
}

function isHead(one: ApiCase): boolean {
  return one.transport === 'http' && one.method === 'HEAD';
}

/** A part of a field counts as the field: `messages[0].role` for `messages`. */
function isWithin(param: unknown, field: string): boolean {
  return (
    typeof param === 'string' && (param === field || param.startsWith(`${field}.`) || param.startsWith(`${field}[`))
  );
}

/** A stream holds JSON alone, has no error in it and ends with its mark. */
function answerFaults({ contentType, text }: HttpOutcome): string[] {
  if (contentType.startsWith('text/event-stream')) return streamFaults(text);
  if (contentType.startsWith('application/json') && parsed(text) === null) return [`no JSON: ${text.slice(0, 200)}`];
  return [];
}

function streamFaults(text: string): string[] {
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith(':'));
  const foreign = lines.find((line) => !line.startsWith('data: '));
  if (foreign !== undefined) return [`a line of a stream that is no event: ${foreign.slice(0, 200)}`];
  const data = lines.map((line) => line.slice('data: '.length));
  if (data.pop() !== '[DONE]') return [`a stream without its end: ${text.slice(-200)}`];
  const bad = data.find((piece) => parsed(piece) === null || parsed(piece)?.error !== undefined);
  return bad === undefined ? [] : [`an event that is no chunk: ${bad.slice(0, 200)}`];
}

function parsed(text: string): ErrorBody | null {
  try {
    return JSON.parse(text) as ErrorBody | null;
  } catch {
    return null;
  }
}
