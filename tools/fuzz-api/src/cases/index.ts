import type { ApiCase } from '../case.js';
import type { Random } from '../random.js';
import { attentionChanged, attentionIllegal, attentionLegal } from './attention.js';
import { grpcCancelled, grpcGarbage, grpcIllegal, grpcLegal, grpcMutated, grpcOdd } from './grpc.js';
import { cancelled, contentEncodings, mediaTypes, oddHeaders, pathSpellings } from './http.js';
import { brokenJson, brokenUtf8, deepJson, mutatedBody, wideJson } from './json.js';
import { badMessages, badPrompts, halfCharacters, legalPrompts, oddTexts, tooLong, unknownModel } from './messages.js';
import { brokenHttp } from './raw.js';
import {
  hugeAndTiny,
  legalFields,
  legalShape,
  mixed,
  notHad,
  outOfRange,
  unknownField,
  wrongType,
} from './sampling.js';
import { badTokenRequests, detokenize, tokenize } from './tokenize.js';

/** A kind of case: one row of the report. */
export interface CaseKind {
  readonly name: string;
  /** How often it is drawn, against the others. */
  readonly weight: number;
  readonly make: (random: Random) => ApiCase;
}

const kind = (name: string, weight: number, make: CaseKind['make']): CaseKind => ({ name, weight, make });

export const CASE_KINDS: readonly CaseKind[] = [
  kind('sampling: legal values together', 60, legalFields),
  kind('fields: legal values and null', 50, legalShape),
  kind('fields: out of range', 120, outOfRange),
  kind('fields: wrong types', 120, wrongType),
  kind('fields: unknown', 40, unknownField),
  kind('fields: known, not had', 30, notHad),
  kind('fields: many at once', 70, mixed),
  kind('numbers: huge and tiny', 80, hugeAndTiny),
  kind('texts: odd characters', 40, oddTexts),
  kind('texts: half characters', 20, halfCharacters),
  kind('prompts: legal', 20, legalPrompts),
  kind('prompts: wrong', 30, badPrompts),
  kind('prompts: longer than the context', 10, tooLong),
  kind('messages: wrong', 40, badMessages),
  kind('models: unknown', 15, unknownModel),
  kind('json: broken', 40, brokenJson),
  kind('json: bytes changed', 40, mutatedBody),
  kind('json: deep', 4, deepJson),
  kind('json: wide', 3, wideJson),
  kind('utf-8: broken', 20, brokenUtf8),
  kind('http: media types', 20, mediaTypes),
  kind('http: content encodings', 10, contentEncodings),
  kind('http: headers', 30, oddHeaders),
  kind('http: paths and methods', 60, pathSpellings),
  kind('http: broken', 20, brokenHttp),
  kind('http: client goes away', 10, cancelled),
  kind('tokenize: legal', 20, tokenize),
  kind('detokenize: legal', 20, detokenize),
  kind('tokenize, detokenize: wrong', 20, badTokenRequests),
  kind('attention: legal policies', 40, attentionLegal),
  kind('attention: wrong policies', 40, attentionIllegal),
  kind('attention: policies changed', 60, attentionChanged),
  kind('grpc: legal', 20, grpcLegal),
  kind('grpc: out of range', 40, grpcIllegal),
  kind('grpc: garbage', 30, grpcGarbage),
  kind('grpc: bytes changed', 40, grpcMutated),
  kind('grpc: cancelled, late', 10, grpcCancelled),
  kind('grpc: methods, metadata', 15, grpcOdd),
];

const TOTAL = CASE_KINDS.reduce((sum, { weight }) => sum + weight, 0);

/** Draws a kind by its weight. */
export function drawKind(random: Random): CaseKind {
  let left = random.share() * TOTAL;
  for (const one of CASE_KINDS) {
    left -= one.weight;
    if (left < 0) return one;
  }
  throw new Error('the weights do not add up');
}
