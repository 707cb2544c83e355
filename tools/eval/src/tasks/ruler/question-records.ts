import { AppError } from '@longhaul/kernel';

/** A question over documents, by their place in `QuestionSet.documents`. */
export interface QuestionRecord {
  readonly question: string;
  readonly answers: readonly string[];
  /** Documents that answer it. */
  readonly gold: readonly number[];
  /** Documents that are like them: the first distractors. */
  readonly near: readonly number[];
}

export interface QuestionSet {
  readonly documents: readonly string[];
  readonly records: readonly QuestionRecord[];
}

/** @param option the flag that named the file. @throws AppError `BAD_QUESTIONS` naming the option and what is wrong. */
export function readSquad(json: unknown, option: string): QuestionSet {
  const articles = listOf<SquadArticle>((json as { data?: unknown } | null)?.data, option, 'data');
  const documents = new Numbered();
  const records = articles.flatMap((article) => {
    const paragraphs = listOf<SquadParagraph>(article?.paragraphs, option, 'data[].paragraphs');
    const numbers = paragraphs.map(({ context }) => documents.add(textOf(context, option, 'context')));
    return paragraphs.flatMap(({ qas }, own) => {
      const gold = numbers[own] ?? 0;
      const near = [...new Set(numbers)].filter((number) => number !== gold);
      return listOf<SquadQuestion>(qas, option, 'qas')
        .filter(({ is_impossible, answers }) => is_impossible !== true && (answers ?? []).length > 0)
        .map(({ question, answers }) => ({
          question: textOf(question, option, 'question'),
          answers: (answers ?? []).map(({ text }) => textOf(text, option, 'answers[].text')),
          ...{ gold: [gold], near },
        }));
    });
  });
  return notEmpty({ documents: documents.all, records }, option);
}

/** @param option the flag that named the file. @throws AppError `BAD_QUESTIONS` naming the option and what is wrong. */
export function readHotpot(json: unknown, option: string): QuestionSet {
  const documents = new Numbered();
  const records = listOf<HotpotQuestion>(json, option, 'the file').map(({ question, answer, context }) => {
    const pages = listOf<[string, readonly string[]]>(context, option, 'context');
    const gold = pages.map(([title, sentences]) => documents.add(`${title}\n${sentences.join('')}`));
    return {
      question: textOf(question, option, 'question'),
      answers: [textOf(answer, option, 'answer')],
      ...{ gold: [...new Set(gold)], near: [] },
    };
  });
  return notEmpty({ documents: documents.all, records }, option);
}

interface SquadArticle {
  paragraphs?: unknown;
}
interface SquadParagraph {
  context?: unknown;
  qas?: unknown;
}
interface SquadQuestion {
  question?: unknown;
  answers?: readonly { text?: unknown }[];
  is_impossible?: boolean;
}
interface HotpotQuestion {
  question?: unknown;
  answer?: unknown;
  context?: unknown;
}

/** Every text once. */
class Numbered {
  readonly all: string[] = [];
  readonly #numbers = new Map<string, number>();

  add(text: string): number {
    const known = this.#numbers.get(text) ?? this.all.length;
    if (known === this.all.length) {
      this.#numbers.set(text, known);
      this.all.push(text);
    }
    return known;
  }
}

function listOf<T>(value: unknown, option: string, what: string): readonly T[] {
  if (Array.isArray(value)) return value as T[];
  throw bad(option, `${what} must be a list`);
}

function textOf(value: unknown, option: string, what: string): string {
  if (typeof value === 'string') return value;
  throw bad(option, `${what} must be a string`);
}

function notEmpty(set: QuestionSet, option: string): QuestionSet {
  if (set.records.length > 0) return set;
  throw bad(option, 'there is no question with an answer in it');
}

function bad(option: string, problem: string): AppError {
  return new AppError({
    code: 'INVALID_ARGUMENT',
    reason: 'BAD_QUESTIONS',
    field: option,
    message: `${option}: ${problem}.`,
  });
}
