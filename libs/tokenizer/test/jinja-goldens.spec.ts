import { describe, expect, it } from '@jest/globals';
import { parseJinja, renderJinja } from '../src/jinja.js';
import { goldenFile } from './files.js';

interface Case {
  template: string;
  text?: string;
  refused?: true;
}

interface Goldens {
  variables: Record<string, unknown>;
  cases: Case[];
}

const goldens: Goldens = JSON.parse(new TextDecoder().decode(goldenFile('jinja.json')));

function rendered(template: string): Omit<Case, 'template'> {
  try {
    return { text: renderJinja(parseJinja(template), goldens.variables, { now: new Date(0) }) };
  } catch {
    return { refused: true };
  }
}

describe('goldens of Jinja in Python', () => {
  it('every method, filter, test and operator gives what Python gives, or is refused', () => {
    const differing = goldens.cases.filter((one) => {
      const { template, ...expected } = one;
      const actual = rendered(template);
      return actual.text !== expected.text && !(actual.refused && NOT_BUILT.has(template));
    });
    expect(differing.map((one) => ({ ...one, actual: rendered(one.template) }))).toEqual([]);
  });

  it('what is not built is refused, never rendered otherwise', () => {
    expect([...NOT_BUILT].filter((template) => rendered(template).refused !== true)).toEqual([]);
  });
});

/** Python renders these; here they are an error. */
const NOT_BUILT: ReadonlySet<string> = new Set<string>([
  ...['1e3', '1e16', '1e22', '1e-7', '1e15', '1e3|tojson', '1e22|tojson', '3.14|round'].map((one) => `{{ ${one} }}`),
  ...["'%%' % ()", 'word.casefold()', 'big*big'].map((one) => `{{ ${one} }}`),
]);
