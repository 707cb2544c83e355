import { AppError } from '@longhaul/kernel';
import { nearest } from '@longhaul/platform-config';
import { temperatureOf, type Conversation } from './conversation.js';

/** What became of a turn that is a command: what to tell the user, and whether to leave. */
export interface CommandOutcome {
  readonly text: string;
  readonly leaves?: boolean;
}

interface SlashCommand {
  readonly usage: string;
  readonly what: string;
  run(rest: string, context: SlashContext): CommandOutcome;
}

export interface SlashContext {
  readonly conversation: Conversation;
  readonly model: string;
  readonly url: string;
}

const LEAVE: SlashCommand = {
  usage: '/exit',
  what: 'leave; Ctrl-D, /quit and /bye do the same',
  run: () => ({ text: '', leaves: true }),
};

const COMMANDS: Readonly<Record<string, SlashCommand>> = {
  help: { usage: '/help', what: 'this list', run: () => ({ text: slashHelp() }) },
  clear: {
    usage: '/clear',
    what: 'forget what has been said',
    run(_, { conversation }) {
      conversation.clear();
      return { text: 'Forgotten.' };
    },
  },
  system: {
    usage: '/system TEXT',
    what: 'what the model is told before everything else; without a text, nothing',
    run(rest, { conversation }) {
      conversation.system = rest === '' ? undefined : rest;
      return { text: rest === '' ? 'No system message.' : 'The system message is set.' };
    },
  },
  temperature: {
    usage: '/temperature T',
    what: '0 to 2; without a number, what the server takes by itself',
    run(rest, { conversation }) {
      conversation.temperature = rest === '' ? undefined : temperatureOf(rest);
      return { text: rest === '' ? "The server's own temperature." : `Temperature ${rest}.` };
    },
  },
  model: { usage: '/model', what: 'who answers', run: (_, { model, url }) => ({ text: `${model} at ${url}` }) },
  exit: LEAVE,
  quit: LEAVE,
  bye: LEAVE,
};

/** What `/help` and `longhaul chat --help` list. */
export function slashHelp(): string {
  const listed = Object.entries(COMMANDS).filter(([name, { usage }]) => usage.startsWith(`/${name}`));
  const lines = listed.map(([, { usage, what }]) => `  ${usage.padEnd(16)} ${what}`);
  return [
    ...lines,
    `  ${'"""'.padEnd(16)} begins and ends a text of several lines; pasted lines are one text, too`,
  ].join('\n');
}

/**
 * Handles a turn that is a command: one line that begins with a slash and a word. `//` begins a text with a slash.
 *
 * @returns null for a turn that is for the model.
 */
export function slashCommand(turn: string, context: SlashContext): CommandOutcome | null {
  const [, name, rest = ''] = /^\/([a-zA-Z?]+)(?:[ \t]+(.*))?$/.exec(turn.trim()) ?? [];
  if (name === undefined) return null;
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (!command) return { text: unknown(name) };
  try {
    return command.run(rest.trim(), context);
  } catch (error) {
    return { text: AppError.from(error).message };
  }
}

function unknown(name: string): string {
  const meant = nearest(name, Object.keys(COMMANDS));
  const hint = meant === undefined ? '' : ` Did you mean /${meant}?`;
  return `There is no command /${name}.${hint} /help lists them; // begins a text with a slash.`;
}
