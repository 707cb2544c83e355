import { AppError } from '@longhaul/kernel';

/** One question of a LongBench file. */
export interface BenchRecord {
  readonly input: string;
  readonly context: string;
  readonly answers: readonly string[];
  readonly classes: readonly string[];
}

/** One JSON object a line. @param path for messages. @throws AppError `BAD_RECORDS` naming file, line and field. */
export function readRecords(text: string, path: string): BenchRecord[] {
  const lines = text.split('\n').map((line, i) => ({ line, number: i + 1 }));
  const records = lines.filter(({ line }) => line.trim() !== '').map((each) => recordOf(each, path));
  if (records.length === 0) throw bad(path, 'there is no record in it');
  return records;
}

function recordOf({ line, number }: { line: string; number: number }, path: string): BenchRecord {
  const fields = parsed(line);
  if (fields === null) throw bad(path, `line ${number} is no JSON object`);
  const text = (name: string): string => {
    const value = fields[name];
    if (typeof value !== 'string') throw bad(path, `line ${number}: ${name} must be a string`);
    return value;
  };
  const texts = (name: string): readonly string[] => {
    const value = fields[name];
    if (!Array.isArray(value) || !value.every((each) => typeof each === 'string'))
      throw bad(path, `line ${number}: ${name} must be a list of strings`);
    return value;
  };
  const classes = fields['all_classes'] === undefined || fields['all_classes'] === null ? [] : texts('all_classes');
  return { input: text('input'), context: text('context'), answers: texts('answers'), classes };
}

function parsed(line: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}

function bad(path: string, problem: string): AppError {
  return new AppError({
    code: 'INVALID_ARGUMENT',
    reason: 'BAD_RECORDS',
    field: '--longbench',
    message: `--longbench: ${path}: ${problem}.`,
  });
}
