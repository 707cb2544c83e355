import { MAX_TEMPLATE_ITEMS, MAX_TEMPLATE_STEPS, MAX_TEXT_UNITS } from '../limits.js';
import { PythonInterpreter } from './interpreter.js';
import type { Scope } from './library.js';
import type { Node } from './nodes.js';
import type { Plain } from './python-text.js';
import type { Value } from './values.js';

/** A template has used up what it may use. */
export class TemplateBudgetExceeded extends Error {
  readonly details: Readonly<Record<string, number>>;

  constructor(message: string, details: Readonly<Record<string, number>>) {
    super(message);
    this.details = details;
  }
}

/**
 * An interpreter that counts: every expression and statement is a step, and no value may be larger than a prompt may be.
 * The count is the same on every machine; what one step can cost is bounded by whoever runs the template.
 */
export class BudgetedInterpreter extends PythonInterpreter {
  readonly #maxSteps: number;
  #steps = 0;

  constructor(globals: Scope, plain: Plain, maxSteps = MAX_TEMPLATE_STEPS) {
    super(globals, plain);
    this.#maxSteps = maxSteps;
  }

  override evaluate(node: Node | undefined, scope: Scope): Value {
    if (++this.#steps > this.#maxSteps) {
      throw new TemplateBudgetExceeded(`it takes more than ${this.#maxSteps} steps.`, { steps: this.#maxSteps });
    }
    const value = super.evaluate(node, scope);
    checkSize(value.value);
    return value;
  }
}

function checkSize(value: unknown): void {
  if (typeof value === 'string' && value.length > MAX_TEXT_UNITS) {
    throw new TemplateBudgetExceeded(`it makes a text of over ${MAX_TEXT_UNITS} characters.`, {
      units: MAX_TEXT_UNITS,
    });
  }
  if (Array.isArray(value) && value.length > MAX_TEMPLATE_ITEMS) {
    throw new TemplateBudgetExceeded(`it makes a list of over ${MAX_TEMPLATE_ITEMS} items.`, {
      units: MAX_TEMPLATE_ITEMS,
    });
  }
}
