/** A fenced block of a document. */
export interface Block {
  /** What stands behind the opening fence: `sh`, or nothing for what a terminal showed. */
  readonly language: string;
  readonly text: string;
}

const FENCED = /^```(\w*)\n([\s\S]*?)^```$/gm;
const PROMPT = '$ ';

/** The fenced blocks of a Markdown text, in order. */
export function blocksOf(markdown: string): Block[] {
  return [...markdown.matchAll(FENCED)].map(([, language = '', text = '']) => ({ language, text }));
}

/** Command lines of a block: of a script all of them, of what a terminal showed those behind a prompt. */
export function commandsOf({ language, text }: Block): string[] {
  const lines = text.split('\n').map((line) => line.replace(/\s+#\s.*$/, '').trim());
  if (language === 'sh') return lines.filter((line) => line !== '');
  return lines.filter((line) => line.startsWith(PROMPT)).map((line) => line.slice(PROMPT.length));
}

/** Command lines that a text names between backquotes, as far as they run something of this repository. */
export function inlineCommandsOf(markdown: string): string[] {
  const withoutBlocks = markdown.replace(FENCED, '');
  return [...withoutBlocks.matchAll(/`((?:npm|npx) [^`\n]+)`/g)].map(([, command = '']) => command);
}

/** A script of npm, or our own command, with the words behind it. */
export interface Invocation {
  readonly script: string;
  /** The workspace whose script it is; null for the root's. */
  readonly workspace: string | null;
  readonly words: readonly string[];
}

/** What a command line runs of this repository; null for anything else. */
export function invocationOf(command: string): Invocation | null {
  const words = command.replace(/<[^>]*>/g, 'VALUE').split(/\s+/);
  if (words[0] === 'npx')
    return words[1] === 'longhaul' ? { script: 'longhaul', workspace: null, words: words.slice(2) } : null;
  if (words[0] !== 'npm') return null;
  const rest = words.slice(1).filter((word) => word !== '--silent');
  const script = rest[0] === 'run' ? rest[1] : rest[0];
  const at = rest.indexOf('-w');
  const end = rest.indexOf('--');
  if (script === undefined || !/^[\w:-]+$/.test(script)) return null;
  return { script, workspace: at < 0 ? null : (rest[at + 1] ?? ''), words: end < 0 ? [] : rest.slice(end + 1) };
}
