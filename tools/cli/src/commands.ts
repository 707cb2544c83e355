import { invalidArgument } from '@longhaul/kernel';
import { nearest } from '@longhaul/platform-config';

/** A command, or a verb of one. */
export interface Command {
  /** What `--help` prints. */
  readonly help: string;
  run(argv: readonly string[]): Promise<void>;
}

export type Commands = Readonly<Record<string, Command>>;

/**
 * Runs the command that the first word names. `--help` and `-h` anywhere before `--` print its help instead, and `help`
 * in its place the help of all of them.
 *
 * @param group what the words stand behind, such as `longhaul kv`.
 * @throws AppError `INVALID_ARGUMENT` for a name that is none, with the one that was probably meant.
 */
export async function dispatch(
  argv: readonly string[],
  group: string,
  commands: Commands,
  help: string,
): Promise<void> {
  const [name, ...rest] = argv;
  if (name === 'help' && rest[0] !== undefined) return dispatch([...rest, '--help'], group, commands, help);
  if (name === undefined || ['help', '--help', '-h'].includes(name)) return say(help);
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (!command) throw unknownCommand(name, group, commands);
  return asksForHelp(rest) ? say(command.help) : command.run(rest);
}

function asksForHelp(argv: readonly string[]): boolean {
  const end = argv.indexOf('--');
  return argv.slice(0, end < 0 ? undefined : end).some((word) => word === '--help' || word === '-h');
}

function unknownCommand(name: string, group: string, commands: Commands): Error {
  const names = Object.keys(commands);
  const meant = nearest(name, names);
  const hint = meant === undefined ? `There are ${names.join(', ')}.` : `Did you mean '${group} ${meant}'?`;
  return invalidArgument(
    'arguments',
    `There is no command '${group} ${name.slice(0, 64)}'. ${hint} See ${group} --help.`,
  );
}

function say(text: string): Promise<void> {
  process.stdout.write(`${text.trimEnd()}\n`);
  return Promise.resolve();
}
