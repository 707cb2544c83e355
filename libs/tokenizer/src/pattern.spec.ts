import { describe, expect, it } from '@jest/globals';
import { casesOf } from './case-folding.js';
import { compilePattern, translatePattern } from './pattern.js';

function matches(source: string, text: string): string[] {
  return text.match(compilePattern(source)) ?? [];
}

describe('an expression of a tokenizer.json', () => {
  it('takes letters in any case where the expression says so, and only there', () => {
    expect(matches("(?i:'re|'s)", "'Re 'rE 're 'S '\u017f 'x")).toEqual(["'Re", "'rE", "'re", "'S", "'\u017f"]);
    expect(matches('a(?i:b(?:c))d', 'abcd aBCd Abcd abcD')).toEqual(['abcd', 'aBCd']);
    expect(matches('(?i:[sk-m])x', 'sx Sx Lx \u212ax \u017fx ax')).toEqual(['sx', 'Sx', 'Lx', '\u212ax', '\u017fx']);
    expect(matches('(?i:[^a])', 'aAbB')).toEqual(['b', 'B']);
    expect(matches('(?i:\\x41\\u{10400})', 'a\u{10428}')).toEqual(['a\u{10428}']);
    expect(matches('(?i:[\\x41-\\x43-])+', 'ab-C-d')).toEqual(['ab-C-']);
  });

  it("never uses JavaScript's way to ignore case, which loses matches once V8 has compiled much", () => {
    const cased = "[\\p{Lu}]+(?i:'s|'re)?";
    expect(translatePattern(cased)).not.toContain('(?i');
    expect(matches(cased, "\u{10400}'Re")).toEqual(["\u{10400}'Re"]);
  });

  it('refuses classes by case where case does not count, and too many cases', () => {
    expect(() => translatePattern('(?i:\\p{Lu})')).toThrow('\\p{Lu} where case does not count');
    expect(() => translatePattern(`(?i:[${'!-Z'.repeat(5000)}])`)).toThrow('over 65536 characters in any case');
  });

  it('knows the cases of every letter as JavaScript does', () => {
    for (let codePoint = 0; codePoint <= 0x1ffff; codePoint++) {
      const cases = casesOf(codePoint);
      if (cases.length === 1) continue;
      const any = new RegExp(`^[\\u{${codePoint.toString(16)}}]$`, 'iu');
      for (const one of cases) expect(any.test(String.fromCodePoint(one))).toBe(true);
    }
    const lone = ['i', 'I', '\u0130', '\u0131', '\u00df', '\u1e9e', '\u03c2', '\u03c3', '\u01c5', '\u212b', '\u00e5'];
    for (const a of lone) {
      for (const b of lone) {
        const same = casesOf(a.codePointAt(0) ?? 0).includes(b.codePointAt(0) ?? 0);
        expect([a, b, same]).toEqual([a, b, new RegExp(`^${a}$`, 'iu').test(b)]);
      }
    }
  });
});
