import { badFile, idAt, objectAt, objectsAt, stringAt, unsupported, type JsonObject } from './json.js';
import { pipelineSteps } from './pipeline.js';

/** Ids put around a text when special tokens are added. */
export interface SpecialFrame {
  readonly prefix: readonly number[];
  readonly suffix: readonly number[];
}

const NONE: SpecialFrame = { prefix: [], suffix: [] };

function templateIds(spec: JsonObject, name: string): number[] {
  const tokens = objectAt(spec['special_tokens'], 'post_processor.special_tokens');
  const where = `post_processor.special_tokens[${JSON.stringify(name)}]`;
  const ids = objectAt(tokens[name], where)['ids'];
  if (!Array.isArray(ids)) throw badFile('tokenizer.json', `${where}.ids is not an array.`);
  return ids.map((id: unknown) => idAt(id, `${where}.ids`));
}

function template(spec: JsonObject): SpecialFrame {
  const prefix: number[] = [];
  const suffix: number[] = [];
  let seen = 0;
  for (const piece of objectsAt(spec['single'], 'post_processor.single')) {
    if (piece['Sequence'] !== undefined) seen++;
    else {
      const special = objectAt(piece['SpecialToken'], 'post_processor.single.SpecialToken');
      (seen > 0 ? suffix : prefix).push(...templateIds(spec, stringAt(special['id'], 'post_processor.single.id')));
    }
  }
  if (seen !== 1) throw unsupported('post_processor.single does not have exactly one sequence.');
  return { prefix, suffix };
}

function pairId(value: unknown, where: string): number {
  if (!Array.isArray(value)) throw badFile('tokenizer.json', `${where} is not a pair of token and id.`);
  return idAt(value[1], where);
}

function frameOf(object: JsonObject): SpecialFrame {
  const type = stringAt(object['type'], 'post_processor.type');
  switch (type) {
    case 'ByteLevel':
      return NONE;
    case 'TemplateProcessing':
      return template(object);
    case 'RobertaProcessing':
    case 'BertProcessing':
      return {
        prefix: [pairId(object['cls'], 'post_processor.cls')],
        suffix: [pairId(object['sep'], 'post_processor.sep')],
      };
    default:
      throw unsupported(`post_processor ${type.slice(0, 80)} is not supported.`);
  }
}

/** The special tokens that `post_processor` adds around a single text. */
export function readSpecialFrame(spec: unknown): SpecialFrame {
  return pipelineSteps(spec, 'processors', 'post_processor')
    .map(frameOf)
    .reduce(
      (inner, outer) => ({
        prefix: [...outer.prefix, ...inner.prefix],
        suffix: [...inner.suffix, ...outer.suffix],
      }),
      NONE,
    );
}
