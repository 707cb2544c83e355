#!/usr/bin/env node
import { AppError } from '@longhaul/kernel';
import { dispatch, type Commands } from './commands.js';
import { CHAT_HELP, chatCommand } from './commands/chat.js';
import { DEMO_HELP, demoCommand } from './commands/demo.js';
import { DOCTOR_HELP, doctorCommand } from './commands/doctor.js';
import { MODEL_HELP, modelCommand } from './commands/model.js';
import { SERVE_HELP, serveCommand, serveHelp } from './commands/serve.js';
import { KV_HELP, kvCommand } from './kv/kv-command.js';
import { cliVersion } from './version.js';

const COMMANDS: Commands = {
  serve: { help: serveHelp(), run: serveCommand },
  model: { help: MODEL_HELP, run: modelCommand },
  chat: { help: CHAT_HELP, run: chatCommand },
  demo: { help: DEMO_HELP, run: demoCommand },
  kv: { help: KV_HELP, run: kvCommand },
  doctor: { help: DOCTOR_HELP, run: doctorCommand },
};

const HELP = `Longhaul serves long-context language models.

Usage: longhaul <command> [flags]

${[SERVE_HELP, MODEL_HELP, CHAT_HELP, DEMO_HELP, KV_HELP, DOCTOR_HELP].join('\n\n')}

longhaul <command> --help   the help of one command
longhaul --version          the version
`;

async function main(argv: readonly string[]): Promise<void> {
  if (argv[0] === '--version' || argv[0] === '-v' || argv[0] === 'version') {
    process.stdout.write(`longhaul ${cliVersion()}\n`);
    return;
  }
  await dispatch(argv, 'longhaul', COMMANDS, HELP);
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  const known = AppError.isInstance(error);
  const text = known ? error.message : error instanceof Error ? (error.stack ?? error.message) : String(error);
  process.stderr.write(`longhaul: ${text}\n`);
  process.exit(1);
}
