import { AppError } from '@longhaul/kernel';
import { shownValue, unsupportedConfig } from './config-error.js';
import { asRecord, type ConfigValues } from './config-reader.js';
import { FAMILIES, type Family } from './families.js';

/** Models that read text as a whole and write none, by parts of their `model_type`. */
const ENCODERS = /bert|electra|mpnet|deberta|xlnet|xlm|clip|siglip|vit|wav2vec|nomic|esm/i;
const ENCODER_DECODERS = /^(m?t5|umt5|bart|mbart|pegasus|marian|whisper|longt5|led)$/i;

/** The family of a configuration, and the values that describe the decoder. @throws AppError `UNSUPPORTED_ARCHITECTURE`. */
export function findFamily(config: ConfigValues): { family: Family; values: ConfigValues } {
  const type = config['model_type'];
  if (type === 'gemma3') {
    const text = asRecord(config['text_config'], 'config.text_config');
    const tied = config['tie_word_embeddings'];
    return { family: FAMILIES.gemma3_text, values: tied === undefined ? text : { tie_word_embeddings: tied, ...text } };
  }
  if (typeof type === 'string' && Object.hasOwn(FAMILIES, type)) {
    return { family: FAMILIES[type as keyof typeof FAMILIES], values: config };
  }
  throw new AppError({
    code: 'UNIMPLEMENTED',
    reason: 'UNSUPPORTED_ARCHITECTURE',
    message:
      `Architecture ${shownValue(type ?? config['architectures'] ?? null)} is not supported${kindOf(type)}; ` +
      `supported: ${Object.keys(FAMILIES).join(', ')}.`,
    field: 'config.model_type',
  });
}

/** @throws AppError `UNSUPPORTED_CONFIG` for weights that are quantised in a form that is not read. */
export function refuseQuantised(config: ConfigValues): void {
  const quantised = config['quantization_config'] ?? config['compression_config'];
  if (quantised === undefined || quantised === null) return;
  const method = asRecord(quantised, 'config.quantization_config')['quant_method'];
  throw unsupportedConfig(
    'config.quantization_config',
    `Weight quantisation ${shownValue(method ?? null)}`,
    'take the checkpoint that was not quantised, or a GGUF file of the model, and choose --weights int8 or int4 here',
  );
}

/** What can be said from config.json alone, before weights of another kind lead to an error that says less. */
export function refuseUnsupportedModel(config: ConfigValues): void {
  const { values } = findFamily(config);
  refuseQuantised(config);
  refuseQuantised(values);
}

function kindOf(type: unknown): string {
  if (typeof type !== 'string') return '';
  if (ENCODER_DECODERS.test(type)) return ': it is an encoder with a decoder, and only decoders are served';
  return ENCODERS.test(type) ? ': it is an encoder, which writes no text' : '';
}
