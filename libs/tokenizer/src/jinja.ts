import { BudgetedInterpreter } from './jinja/budgeted-interpreter.js';
import { Environment, parse, tokenize, type Program } from './jinja/library.js';
import { markOutput } from './jinja/nodes.js';
import { unmarked, type Plain } from './jinja/python-text.js';
import { testsAsFilters } from './jinja/tests-as-filters.js';
import { MAX_TEMPLATE_UNITS } from './limits.js';
import { strftime } from './strftime.js';

/** A parsed template. */
export type JinjaProgram = Program;

/** Raised by the template itself (`raise_exception`), with words for the caller. */
export class TemplateRefusal extends Error {}

const MAX_RANGE = 100_000;

function refuse(message: string): never {
  throw new TemplateRefusal(message);
}

function range(first: number, second?: number, step = 1): number[] {
  const [start, stop] = second === undefined ? [0, first] : [first, second];
  const length = Math.max(0, Math.ceil((stop - start) / step));
  if (!(length <= MAX_RANGE)) throw new Error(`range() of more than ${MAX_RANGE} numbers`);
  return Array.from({ length }, (_, i) => start + i * step);
}

/** Parses a template with the white space rules of chat templates (`trim_blocks`, `lstrip_blocks`). */
export function parseJinja(source: string): JinjaProgram {
  if (source.length > MAX_TEMPLATE_UNITS) throw new Error(`a template of more than ${MAX_TEMPLATE_UNITS} units`);
  const unified = source.replace(/\r\n?/g, '\n');
  const program = parse(testsAsFilters(tokenize(unified, { trim_blocks: true, lstrip_blocks: true })));
  markOutput(program);
  return program;
}

export interface RenderSettings {
  /** What `strftime_now` tells. */
  now: Date;
  /** Text as the template is to see it, where `variables` carry marks. */
  plain?: Plain;
}

/**
 * Runs a template within its budget of steps and sizes. The names that every chat template may count on win over `variables` of the same name.
 *
 * @throws TemplateBudgetExceeded; TemplateRefusal; anything else that a faulty template may run into
 */
export function renderJinja(
  program: JinjaProgram,
  variables: Readonly<Record<string, unknown>>,
  { now, plain = unmarked }: RenderSettings,
): string {
  const globals = {
    ...variables,
    ...{ true: true, false: false, none: null, True: true, False: false, None: null },
    range,
    raise_exception: (message: unknown) => refuse(plain(String(message))),
    strftime_now: (format: unknown) => strftime(now, String(format)),
  };
  const environment = new Environment();
  for (const [name, value] of Object.entries(globals)) environment.set(name, value);
  return String(new BudgetedInterpreter(environment, plain).run(program).value);
}
