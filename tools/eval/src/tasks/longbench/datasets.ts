import { editSimilarity } from './edit-similarity.js';
import { classification, codeLine, numberShare, type LabelContext } from './label-scores.js';
import { rougeL } from './rouge-l.js';
import { wordF1 } from './words-overlap.js';

export type Score = (answer: string, reference: string, context: LabelContext) => number;

/** How LongBench (Bai et al., arXiv:2308.14508) asks and scores a data set. */
export interface Dataset {
  readonly name: string;
  readonly score: Score;
  readonly answerTokens: number;
  /** `{context}` and `{input}` stand for the record's; in our own words. */
  readonly prompt: string;
  /** The answer ends at its first line. */
  readonly firstLine?: boolean;
  /** Without the model's template. */
  readonly plain?: boolean;
  readonly stop?: readonly string[];
}

const ANSWER =
  'Read the text and answer the question with as few words as you can.\n\n{context}\n\nQuestion: {input}\nAnswer:';
const REPORT = 'Write a summary of the text of about one page.\n\n{context}\n\nSummary:';
const EXAMPLES = '{context}\n{input}';
const CODE = '{context}{input}';

const f1 = (name: string, answerTokens: number): Dataset => ({ name, score: wordF1, answerTokens, prompt: ANSWER });
const report = (name: string): Dataset => ({ name, score: rougeL, answerTokens: 512, prompt: REPORT });
const code = (name: string): Dataset => ({
  ...{ name, answerTokens: 64, prompt: CODE, plain: true },
  score: (answer, reference) => editSimilarity(codeLine(answer), reference),
});
const classes = (name: string): Dataset => ({
  ...{ name, score: classification, answerTokens: 64, prompt: EXAMPLES, firstLine: true, plain: true },
});
const paragraph = (name: string, pattern: RegExp): Dataset => ({
  name,
  score: (answer, reference) => numberShare(answer, reference, pattern),
  answerTokens: 32,
  prompt:
    'Which of the numbered paragraphs is the summary below about? Name its number.\n\n{context}\n\nSummary: {input}\nParagraph:',
});

export const DATASETS: readonly Dataset[] = [
  f1('narrativeqa', 128),
  f1('qasper', 128),
  f1('multifieldqa_en', 64),
  f1('hotpotqa', 32),
  f1('2wikimqa', 32),
  f1('musique', 32),
  { ...f1('triviaqa', 32), prompt: EXAMPLES, firstLine: true, plain: true },
  report('gov_report'),
  { ...report('qmsum'), prompt: 'Answer the question about the meeting.\n\n{context}\n\nQuestion: {input}\nAnswer:' },
  report('multi_news'),
  { ...report('samsum'), answerTokens: 128, prompt: EXAMPLES, firstLine: true, plain: true, stop: ['\n'] },
  classes('trec'),
  classes('lsht'),
  paragraph('passage_retrieval_en', /Paragraph (\d+)/),
  paragraph('passage_retrieval_zh', /段落(\d+)/),
  {
    name: 'passage_count',
    score: (answer, reference) => numberShare(answer, reference, /^(.*)$/s),
    answerTokens: 32,
    prompt:
      'How many different paragraphs are below? Some are there several times. Write a number.\n\n{context}\n\nNumber:',
  },
  code('lcc'),
  code('repobench-p'),
];

/** Their scores split Chinese into words, for which there is no splitter here. */
export const UNSUPPORTED_DATASETS: readonly string[] = ['multifieldqa_zh', 'dureader', 'vcsum'];
