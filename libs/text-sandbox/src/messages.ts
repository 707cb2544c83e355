import type { ErrorCode } from '@longhaul/kernel';
import type { ChatMessage } from '@longhaul/tokenizer';

/** What a sandbox process is told before its first job. */
export interface SandboxModel {
  tokenizerConfigJson: Uint8Array;
  chatTemplate: string | null;
  controlTokens: readonly string[];
  addedTokens: readonly string[];
  /** Null where the tokenizer has no expressions of its own: then texts are encoded elsewhere. */
  tokenizerJson: Uint8Array | null;
}

export interface PromptOptions {
  addGenerationPrompt: boolean;
  /** The last message stays open, so that the answer goes on with it. */
  continueFinalMessage: boolean;
  variables: Readonly<Record<string, unknown>>;
}

export interface ForeignEncodeOptions {
  addSpecialTokens: boolean;
  parseSpecial: boolean;
  literalOffsets?: Int32Array;
}

/** One piece of work. */
export type Job =
  | { kind: 'prompt'; messages: readonly ChatMessage[]; options: PromptOptions }
  | { kind: 'encode'; text: string; options: ForeignEncodeOptions };

export type ToSandbox = { kind: 'open'; model: SandboxModel } | { kind: 'job'; id: number; job: Job };

/** An AppError on its way between processes; its cause stays behind. */
export interface WireError {
  code: ErrorCode;
  reason: string;
  message: string;
  field: string | undefined;
  details: Readonly<Record<string, string | number | boolean>> | undefined;
}

export type FromSandbox =
  { kind: 'ready' } | { kind: 'done'; id: number; value: unknown } | { kind: 'failed'; id: number; error: WireError };
