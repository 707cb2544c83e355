import { parse, type Node, type Program, type Token } from './library.js';

export type { Node, Program, Token };

/** The nodes of the library's syntax tree that are evaluated here; it exports no types for them. */
export interface Identifier extends Node {
  value: string;
}

export interface Call extends Node {
  callee: Node;
  args: Node[];
}

export interface Filter extends Node {
  operand: Node;
  filter: Identifier | Call;
}

export interface FilterBlock extends Node {
  filter: Identifier | Call;
  body: Node[];
}

export interface Binary extends Node {
  operator: Token;
  left: Node;
  right: Node;
}

export interface Unary extends Node {
  operator: Token;
  argument: Node;
}

export interface Slice extends Node {
  start?: Node;
  stop?: Node;
  step?: Node;
}

export interface Member extends Node {
  object: Node;
  property: Node;
  computed: boolean;
}

export interface Select extends Node {
  lhs: Node;
  test: Node;
}

export interface For extends Node {
  loopvar: Node;
  iterable: Node;
  body: Node[];
  defaultBlock: Node[];
}

export interface Macro extends Node {
  name: Identifier;
  body: Node[];
}

/** An expression whose value is written to the output. */
export interface Output extends Node {
  expression: Node;
}

const STATEMENTS: ReadonlySet<string> = new Set([
  ...['Set', 'If', 'For', 'Macro', 'CallStatement', 'FilterStatement', 'Break', 'Continue', 'Comment'],
  'StringLiteral',
]);
/** The lists of statements that a node may hold. */
const BLOCKS = ['body', 'alternate', 'defaultBlock'] as const;

/** Any node of the library, for its class: what walks the tree there looks for it. */
const SAMPLE = parse([]);

function output(expression: Node): Output {
  const statement = Object.create(Object.getPrototypeOf(Object.getPrototypeOf(SAMPLE)) as object) as Node;
  return Object.assign(statement, {
    type: 'Output',
    expression,
  });
}

/** Marks the expressions whose values are written, in place. The library writes them with JavaScript's spelling. */
export function markOutput(node: Node): void {
  for (const name of BLOCKS) {
    const block = (node as Partial<Record<(typeof BLOCKS)[number], Node[]>>)[name];
    if (!Array.isArray(block)) continue;
    block.forEach((child, i) => {
      if (STATEMENTS.has(child.type)) markOutput(child);
      else block[i] = output(child);
    });
  }
}
