import type OpenAI from 'openai';
import { invalidArgument } from '@longhaul/kernel';

export type Message = OpenAI.Chat.ChatCompletionMessageParam;

const MAX_TEMPERATURE = 2;

/** What has been said, and how answers are drawn. */
export class Conversation {
  system: string | undefined;
  temperature: number | undefined;
  readonly #turns: Message[] = [];

  constructor(settings: { system: string | undefined; temperature: number | undefined }) {
    this.system = settings.system;
    this.temperature = settings.temperature;
  }

  /** The messages of a request that asks this. */
  asking(text: string): Message[] {
    const system: Message[] = this.system ? [{ role: 'system', content: this.system }] : [];
    return [...system, ...this.#turns, { role: 'user', content: text }];
  }

  /** Keeps a question and its answer; a refused question is not kept. */
  keep(question: string, answer: string): void {
    this.#turns.push({ role: 'user', content: question }, { role: 'assistant', content: answer });
  }

  clear(): void {
    this.#turns.length = 0;
  }
}

/** @throws AppError `INVALID_ARGUMENT` naming the flag. */
export function temperatureOf(text: string): number {
  const temperature = Number(text);
  if (text.trim() !== '' && temperature >= 0 && temperature <= MAX_TEMPERATURE) return temperature;
  throw invalidArgument('--temperature', `The temperature must be a number from 0 to ${MAX_TEMPERATURE}.`);
}
