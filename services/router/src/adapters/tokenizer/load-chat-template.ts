import { mustReadText } from '@longhaul/files';
import { AppError } from '@longhaul/kernel';
import { checkChatTemplate } from '@longhaul/tokenizer';

const MAX_BYTES = 2 ** 20;
/** A text that has one of these is a template; any other is the name of a file. */
const TEMPLATE_LIKE = /[{}\n]/u;

/**
 * The chat template that an operator names: a file, or the text itself.
 *
 * @throws AppError `CHAT_TEMPLATE_UNREADABLE` naming the file, for over 1 MiB and for what is no regular file;
 *   `UNSUPPORTED_CHAT_TEMPLATE` where it cannot be parsed.
 */
export function loadChatTemplate(fileOrText: string): string {
  const source = TEMPLATE_LIKE.test(fileOrText) ? fileOrText : readTemplate(fileOrText);
  if (Buffer.byteLength(source) > MAX_BYTES) throw unreadable(`The text has more than ${MAX_BYTES} bytes.`);
  try {
    checkChatTemplate(source);
  } catch (cause) {
    const message = 'The chat template of --chat-template cannot be parsed.';
    throw new AppError({ code: 'INVALID_ARGUMENT', reason: 'UNSUPPORTED_CHAT_TEMPLATE', message, cause });
  }
  return source;
}

function readTemplate(path: string): string {
  const option = '--chat-template';
  return mustReadText({ path, maxBytes: MAX_BYTES, option, reason: 'CHAT_TEMPLATE_UNREADABLE' });
}

function unreadable(what: string): AppError {
  return new AppError({
    code: 'INVALID_ARGUMENT',
    reason: 'CHAT_TEMPLATE_UNREADABLE',
    message: `--chat-template takes a file or a template: ${what}`,
  });
}
