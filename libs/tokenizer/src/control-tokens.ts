import type { JinjaProgram } from './jinja.js';
import type { AddedToken } from './vocabulary.js';

/** How turns are marked, with ASCII bars or with the full-width ones of DeepSeek. */
const MARKER_FORM = /^<[|\uff5c].*[|\uff5c]>$/su;
const BLANK = /^\p{White_Space}*$/u;

/** Spellings that text from users must not be read as. */
export interface ControlTokens {
  /** Wherever they are spelled. */
  readonly everywhere: readonly string[];
  /** But for the assistant's own messages: tokens that a model writes itself, as `<think>`. */
  readonly outsideAnswers: readonly string[];
}

/** Some checkpoints leave `special` off on the tokens that frame a turn. */
export function isControlToken(token: Pick<AddedToken, 'content' | 'special'>): boolean {
  return token.special || MARKER_FORM.test(token.content);
}

/**
 * The control tokens of a chat template: those of the tokenizer, the named ones (`bos_token`), and every added token that
 * the template spells. White space is never one, though a vocabulary may have runs of it as tokens.
 */
export function controlTokensOf(
  program: JinjaProgram,
  tokenizer: { controlTokens: readonly string[]; addedTokens: readonly string[] },
  named: readonly string[],
): ControlTokens {
  const added = new Set(tokenizer.addedTokens);
  const everywhere = new Set([...tokenizer.controlTokens, ...named.filter((token) => added.has(token))]);
  const written = textsOf(program);
  const isWritten = (token: string): boolean => !BLANK.test(token) && written.some((text) => text.includes(token));
  return {
    everywhere: [...everywhere],
    outsideAnswers: tokenizer.addedTokens.filter((token) => !everywhere.has(token) && isWritten(token)),
  };
}

/** Every text in a template, the ones in expressions with their escapes read. */
function textsOf(program: JinjaProgram): string[] {
  const texts: string[] = [];
  const waiting: unknown[] = [program];
  while (waiting.length > 0) {
    const node = waiting.pop();
    if (typeof node !== 'object' || node === null) continue;
    const { type, value } = node as { type?: unknown; value?: unknown };
    if (type === 'StringLiteral' && typeof value === 'string') texts.push(value);
    else waiting.push(...(node instanceof Map ? [...node].flat() : Object.values(node)));
  }
  return texts;
}
