import { mustReadText } from '@longhaul/files';
import { invalidArgument } from '@longhaul/kernel';

/** HotpotQA's development set, the largest of the files that tasks read, has 46 MB. */
const MAX_FILE_BYTES = 2 ** 29;

/** A local file that a flag names. @throws AppError `BAD_FILE` naming flag, path and limit. */
export function readNamed(path: string, option: string): string {
  return mustReadText({ path, maxBytes: MAX_FILE_BYTES, option, reason: 'BAD_FILE' });
}

/** @throws AppError as {@link readNamed}, and where it is no JSON. */
export function readJson(path: string, option: string): unknown {
  const text = readNamed(path, option);
  try {
    return JSON.parse(text);
  } catch {
    throw invalidArgument(option, `${option}: ${path} is no JSON file.`);
  }
}
