import { Environment, Interpreter, parse, tokenize } from '@huggingface/jinja';
import { strftime } from './strftime.js';

/** A parsed template. */
export type JinjaProgram = ReturnType<typeof parse>;

/** Raised by the template itself (`raise_exception`), with words for the caller. */
export class TemplateRefusal extends Error {}

const MAX_RANGE = 100_000;

function refuse(message: unknown): never {
  throw new TemplateRefusal(String(message));
}

function range(first: number, second?: number, step = 1): number[] {
  const [start, stop] = second === undefined ? [0, first] : [first, second];
  const length = Math.max(0, Math.ceil((stop - start) / step));
  if (!(length <= MAX_RANGE)) throw new Error(`range() of more than ${MAX_RANGE} numbers`);
  return Array.from({ length }, (_, i) => start + i * step);
}

/** Parses a template with the white space rules of chat templates (`trim_blocks`, `lstrip_blocks`). */
export function parseJinja(source: string): JinjaProgram {
  return parse(tokenize(source, { trim_blocks: true, lstrip_blocks: true }));
}

/**
 * Runs a template. The names that every chat template may count on win over `variables` of the same name.
 *
 * @param now what `strftime_now` tells
 */
export function renderJinja(program: JinjaProgram, variables: Readonly<Record<string, unknown>>, now: Date): string {
  const globals = {
    ...variables,
    ...{ true: true, false: false, none: null, True: true, False: false, None: null },
    range,
    raise_exception: refuse,
    strftime_now: (format: unknown) => strftime(now, String(format)),
  };
  const environment = new Environment();
  for (const [name, value] of Object.entries(globals)) environment.set(name, value);
  return String(new Interpreter(environment).run(program).value);
}
