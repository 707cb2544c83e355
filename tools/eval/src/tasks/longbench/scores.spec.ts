import { describe, expect, it } from '@jest/globals';
import { editSimilarity } from './edit-similarity.js';
import { classification, codeLine, numberShare } from './label-scores.js';
import { rougeL } from './rouge-l.js';
import { normalized, wordF1 } from './words-overlap.js';

describe('wordF1', () => {
  it('compares words without case, punctuation and articles', () => {
    expect(normalized('The  "Quick", a brown fox!')).toBe('quick brown fox');
    expect(normalized('another theory')).toBe('another theory');
    expect(wordF1('The answer: Paris.', 'paris')).toBeCloseTo(2 / 3);
    expect(wordF1('an apple', 'apple')).toBe(1);
    expect(wordF1('pear', 'apple')).toBe(0);
    expect(wordF1('the', 'apple')).toBe(0);
  });

  it('counts a word as often as both have it', () => {
    // Two of three words answered, two of two wanted.
    expect(wordF1('red red blue', 'red blue')).toBeCloseTo(0.8);
  });
});

/** Figures of the package `rouge` 1.0.1. */
describe('rougeL', () => {
  it.each([
    ['the cat sat on the mat. it was warm.', 'the cat was on a mat. It was a warm day.', 0.7058823479584776],
    ['a b c d', 'a c b d', 0.749999995],
    ['b d a c a', 'a b c d a', 0.749999995],
    ['one. two. three.', 'three two one.', 0.999999995],
    ['w1 w2 w6 w7 w8. w1 w3 w8 w9 w5.', 'w1 w2 w3 w4 w5.', 0.6153846106508877],
    ['the the the', 'the a the b. the', 0.4999999962500001],
    ['no overlap here', 'something else entirely.', 0],
    ['.', 'a.', 0],
    [' ', 'a b', 0],
    ['', 'a b', 0],
  ])('of %j and %j is %f', (answer, reference, expected) => {
    expect(rougeL(answer, reference)).toBeCloseTo(expected, 12);
  });
});

/** Figures of `fuzzywuzzy` 0.18.0 without python-Levenshtein. */
describe('editSimilarity', () => {
  it.each([
    ['return x + 1', 'return x + 2', 0.92],
    ['    for i in range(10):', 'for j in range(n):', 0.78],
    ['abc', 'cab', 0.67],
    ['abcd', 'bcde', 0.75],
    ['', '', 1],
    ['a', '', 0],
    ['foo(bar, baz)', 'bar(foo, baz)', 0.69],
    ['aXbXcXdX', 'XaXbXcXd', 0.88],
    ['aabbccdd', 'abcd', 0.67],
    ['über(α)', 'uber(α)', 0.86],
  ])('of %j and %j is %f', (a, b, expected) => {
    expect(editSimilarity(a, b)).toBe(expected);
  });

  it('begins no match at a character that makes up over a hundredth of a long text', () => {
    expect(editSimilarity(`xxx${'return foo ;'.repeat(20)}`, 'return bar ;'.repeat(21))).toBe(0);
    const [equal, other] = ['self.assertEqual(a, b) ', 'self.assertEqual(b, a) '];
    expect(editSimilarity(equal.repeat(10), other.repeat(10))).toBe(0.07);
  });
});

describe('classification', () => {
  const classes = ['Food', 'Food or drink', 'Animal'];

  it('is one over the labels in the answer, without parts of the right one', () => {
    expect(classification('Food or drink', 'Food or drink', { classes })).toBe(1);
    expect(classification('Food or drink, or Animal', 'Food or drink', { classes })).toBe(0.5);
    expect(classification('Animal', 'Food', { classes })).toBe(0);
    expect(classification('Food or drink', 'Food', { classes })).toBe(0.5);
  });

  it('skips the label behind a removed one, as the original does', () => {
    expect(classification('abc', 'abc', { classes: ['a', 'b', 'abc'] })).toBe(0.5);
  });
});

describe('numbers and code', () => {
  it('counts the numbers that are right', () => {
    expect(numberShare('Paragraph 7', 'Paragraph 7', /Paragraph (\d+)/)).toBe(1);
    expect(numberShare('7 or 8', 'Paragraph 7', /Paragraph (\d+)/)).toBe(0.5);
    expect(numberShare('77', 'Paragraph 7', /Paragraph (\d+)/)).toBe(0);
    expect(numberShare('none', 'Paragraph 7', /Paragraph (\d+)/)).toBe(0);
    expect(numberShare('段落3', '段落3', /段落(\d+)/)).toBe(1);
  });

  it('takes the first line that is code', () => {
    expect(codeLine('\n```python\n# note\nx = 1\ny = 2')).toBe('x = 1');
    expect(codeLine('// nothing')).toBe('');
  });
});
