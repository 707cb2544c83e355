import { Environment, Interpreter, type Scope } from './library.js';
import { applyFilter } from './filters.js';
import { attribute, slice, subscript } from './members.js';
import type * as nodes from './nodes.js';
import type { Node } from './nodes.js';
import { negate, operate } from './operators.js';
import { str } from './python-repr.js';
import type { Plain } from './python-text.js';
import { loopValues, unpack } from './loop.js';
import { NEGATED_PREFIX, TEST_PREFIX } from './tests-as-filters.js';
import { applyTest } from './tests.js';
import { boolean, integer, isFunction, iterate, native, text, truth, undefinedValue, type Value } from './values.js';

class Break extends Error {}
class Continue extends Error {}

/**
 * The library's interpreter with Python's semantics: operators, methods, filters, tests, loops and what is written for a
 * value. The library evaluates what is left: blocks, conditions, assignments, calls, literals.
 */
export class PythonInterpreter extends Interpreter {
  readonly #plain: Plain;

  /** @param plain text as the template is to see it, without the marks that text from users carries */
  constructor(globals: Scope, plain: Plain) {
    super(globals);
    this.#plain = plain;
  }

  override evaluate(node: Node | undefined, scope: Scope): Value {
    switch (node?.type) {
      case 'Output':
        return text(str(this.evaluate((node as nodes.Output).expression, scope)));
      case 'For':
        return this.#loop(node as nodes.For, scope);
      case 'Break':
        throw new Break();
      case 'Continue':
        throw new Continue();
      case 'Macro':
        return this.#macro(node as nodes.Macro, scope);
      case 'BinaryExpression':
        return this.#binary(node as nodes.Binary, scope);
      case 'UnaryExpression':
        return this.#unary(node as nodes.Unary, scope);
      case 'MemberExpression':
        return this.#member(node as nodes.Member, scope);
      case 'FilterExpression': {
        const { operand, filter } = node as nodes.Filter;
        return this.#filter(this.evaluate(operand, scope), filter, scope);
      }
      case 'FilterStatement': {
        const { body, filter } = node as nodes.FilterBlock;
        return this.#filter(this.#block(body, scope), filter, scope);
      }
      default:
        return super.evaluate(node, scope);
    }
  }

  #block(body: Node[], scope: Scope): Value {
    const program: Node & { body: Node[] } = { type: 'Program', body };
    return super.evaluate(program, scope);
  }

  #binary({ operator, left, right }: nodes.Binary, scope: Scope): Value {
    const first = this.evaluate(left, scope);
    if (operator.value === 'and') return truth(first) ? this.evaluate(right, scope) : first;
    if (operator.value === 'or') return truth(first) ? first : this.evaluate(right, scope);
    return operate(operator.value, first, this.evaluate(right, scope), this.#plain);
  }

  #unary({ operator, argument }: nodes.Unary, scope: Scope): Value {
    const value = this.evaluate(argument, scope);
    return operator.value === 'not' ? boolean(!truth(value)) : negate(operator.value, value);
  }

  #member({ object, property, computed }: nodes.Member, scope: Scope): Value {
    const holder = this.evaluate(object, scope);
    if (property.type === 'SliceExpression') {
      const { start, stop, step } = property as nodes.Slice;
      const [from, to, by] = [start, stop, step].map((part) => this.evaluate(part, scope)) as [Value, Value, Value];
      return slice(holder, { start: from, stop: to, step: by });
    }
    if (computed) return subscript(holder, this.evaluate(property, scope), this.#plain);
    const name: unknown = (property as nodes.Identifier).value;
    if (typeof name === 'number') return subscript(holder, integer(name), this.#plain);
    return attribute(holder, String(name), this.#plain);
  }

  #filter(value: Value, filter: nodes.Identifier | nodes.Call, scope: Scope): Value {
    const call = filter.type === 'CallExpression' ? (filter as nodes.Call) : null;
    const name = ((call?.callee ?? filter) as nodes.Identifier).value;
    const args = call === null ? [] : this.#arguments(call.args, scope);
    if (!name.startsWith(TEST_PREFIX)) return applyFilter(name, value, args, this.#plain);
    const negated = name.startsWith(NEGATED_PREFIX);
    const test = name.slice((negated ? NEGATED_PREFIX : TEST_PREFIX).length);
    return boolean(applyTest(test, value, args, this.#plain) !== negated);
  }

  /** Evaluated by a call to a function that hands its arguments back, so that the library's rules for them hold. */
  #arguments(args: Node[], scope: Scope): Value[] {
    let given: Value[] = [];
    const inner = new Environment(scope);
    inner.setVariable(
      CALLEE,
      native((values) => {
        given = values;
        return undefinedValue();
      }),
    );
    const callee: nodes.Identifier = { type: 'Identifier', value: CALLEE };
    const call: nodes.Call = { type: 'CallExpression', callee, args };
    super.evaluate(call, inner);
    return given;
  }

  #loop(node: nodes.For, outer: Scope): Value {
    const select = node.iterable.type === 'SelectExpression' ? (node.iterable as nodes.Select) : null;
    const all = iterate(this.evaluate(select?.lhs ?? node.iterable, outer));
    const items =
      select === null ? all : all.filter((item) => this.#keeps(node.loopvar, { item, test: select.test }, outer));
    let out = '';
    let untouched = true;
    for (const [index, item] of items.entries()) {
      // A scope for every turn: what one sets, the next does not see.
      const scope = new Environment(outer);
      scope.setVariable('loop', loopValues(items, index));
      unpack(node.loopvar, item, scope);
      try {
        out += str(this.#block(node.body, scope));
        untouched = false;
      } catch (error) {
        if (error instanceof Break) break;
        if (!(error instanceof Continue)) throw error;
      }
    }
    // As in Python, `else` follows a loop of which no turn came to its end.
    return text(untouched ? out + str(this.#block(node.defaultBlock, new Environment(outer))) : out);
  }

  #keeps(target: Node, { item, test }: { item: Value; test: Node }, outer: Scope): boolean {
    const scope = new Environment(outer);
    unpack(target, item, scope);
    return truth(this.evaluate(test, scope));
  }

  /** A macro sees the names around its definition, not those around its call. */
  #macro(node: nodes.Macro, scope: Scope): Value {
    const result = super.evaluate(node, scope);
    const bound = scope.lookupVariable(node.name.value);
    if (!isFunction(bound)) return result;
    scope.setVariable(
      node.name.value,
      native((args, from) => {
        const lexical = new Environment(scope);
        const caller = from.variables.get('caller');
        if (caller !== undefined) lexical.setVariable('caller', caller);
        return bound.value(args, lexical);
      }),
    );
    return result;
  }
}

/** No identifier of a template can be spelled so. */
const CALLEE = 'arguments of a filter';
