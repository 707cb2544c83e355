import { engineSettings } from '@longhaul/decode-worker';
import { values, type ConfigOf, type Settings } from '@longhaul/platform-config';
import { edgeSettings } from '@longhaul/router';
import { kvSettings } from './kv-settings.js';

/** The keys of router and worker in one process; the two talk in memory, so there is no worker address. */
export const embeddedSettings = {
  ...edgeSettings,
  ...engineSettings,
  ...kvSettings,
  attentionAllowed: {
    ...edgeSettings.attentionAllowed,
    description: `${edgeSettings.attentionAllowed.description} For any but dense the KV pool keeps bounds of the keys of each page: a sixteenth more memory with bf16, an eighth with int8.`,
  },
  grpcPort: {
    schema: values.port().optional(),
    description: 'Port of the gRPC API; 0 takes a free one.',
    defaultText: 'no gRPC',
  },
} satisfies Settings;

export type EmbeddedConfig = ConfigOf<typeof embeddedSettings>;
