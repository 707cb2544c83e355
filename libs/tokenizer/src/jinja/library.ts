import * as jinja from '@huggingface/jinja';

/** Any value at run time. */
export interface Value {
  readonly type: string;
  readonly value: unknown;
  __bool__(): { readonly value: boolean };
}

/** Names and their values; those of `parent` show through. */
export interface Scope {
  readonly variables: Map<string, Value>;
  /** Turns a JavaScript value into one of a template. @throws Error for a name that is there already. */
  set(name: string, value: unknown): Value;
  setVariable(name: string, value: Value): Value;
  /** An undefined value where there is no such name. */
  lookupVariable(name: string): Value;
}

/** A node of the syntax tree. */
export interface Node {
  readonly type: string;
}

export interface Program extends Node {
  readonly body: Node[];
}

export interface Token {
  readonly value: string;
  readonly type: string;
}

interface LibraryInterpreter {
  run(program: Program): Value;
  /** Every expression and statement goes through here, those inside others too. */
  evaluate(node: Node | undefined, scope: Scope): Value;
}

interface Library {
  Environment: new (parent?: Scope) => Scope;
  Interpreter: new (globals: Scope) => LibraryInterpreter;
  tokenize(source: string, options: { trim_blocks: boolean; lstrip_blocks: boolean }): Token[];
  parse(tokens: readonly Token[]): Program;
}

/** The library's own declarations do not resolve under the module rules of Node, so it is typed here. */
export const { Environment, Interpreter, tokenize, parse } = jinja as unknown as Library;
