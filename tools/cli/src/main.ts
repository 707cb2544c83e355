#!/usr/bin/env node
import { AppError } from '@longhaul/kernel';
import { CHAT_HELP, chatCommand } from './commands/chat.js';
import { DEMO_HELP, demoCommand } from './commands/demo.js';
import { MODEL_HELP, modelCommand } from './commands/model.js';
import { KV_HELP, kvCommand } from './kv/kv-command.js';
import { SERVE_HELP, serveCommand } from './commands/serve.js';

const COMMANDS: Readonly<Record<string, (argv: readonly string[]) => Promise<void>>> = {
  serve: serveCommand,
  model: modelCommand,
  chat: chatCommand,
  demo: demoCommand,
  kv: kvCommand,
};

const HELP = `Longhaul serves long-context language models.

${[SERVE_HELP, MODEL_HELP, CHAT_HELP, DEMO_HELP, KV_HELP].join('\n\n')}
`;

async function main(argv: readonly string[]): Promise<void> {
  const [name, ...rest] = argv;
  if (name === undefined || name === 'help' || name === '--help' || name === '-h') {
    process.stdout.write(HELP);
    return;
  }
  const command = COMMANDS[name];
  if (!command)
    throw new AppError({
      code: 'INVALID_ARGUMENT',
      reason: 'UNKNOWN_COMMAND',
      message: `There is no command ${name}.\n\n${HELP}`,
    });
  await command(rest);
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  const known = AppError.isInstance(error);
  const text = known ? error.message : error instanceof Error ? (error.stack ?? error.message) : String(error);
  process.stderr.write(`longhaul: ${text}\n`);
  process.exit(1);
}
