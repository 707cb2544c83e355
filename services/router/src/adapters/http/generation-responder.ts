import { setTimeout as sleep } from 'node:timers/promises';
import type { GenerationUsage } from '@longhaul/inference';
import { AppError } from '@longhaul/kernel';
import { toHttpError } from '@longhaul/platform-grpc';
import { inSpan, type EventLog } from '@longhaul/platform-otel';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { GenerateCommand } from '../../core/command.js';
import type { GenerationService, StartedGeneration } from '../../core/generation.js';
import type { RequestObserver } from '../../core/ports.js';
import { spellField } from '../../core/spell-field.js';
import { addUsage, collect, emptyCollected } from './collected.js';
import { openExchange, type Exchange, type ExchangeOptions } from './exchange.js';
import { mergeEvents, type SourcedEvent } from './merge-events.js';
import { recordOf } from './request-ledger.js';
import type { ResponseFormat } from './response-format.js';
import { SseStream } from './sse-stream.js';
import { eachUntilAborted, untilAborted } from './until-aborted.js';
import { writeJson } from './write-json.js';

export interface ResponderOptions extends ExchangeOptions {
  pingMs: number;
  stallTimeoutMs: number;
}

export interface GenerationJob {
  commands: readonly GenerateCommand[];
  format: (started: readonly StartedGeneration[]) => ResponseFormat;
  stream: boolean;
  includeUsage: boolean;
}

/** Answers a generation request over HTTP, whole or as a stream. */
export class GenerationResponder {
  readonly #generation: GenerationService;
  readonly #observer: RequestObserver;
  readonly #log: EventLog;
  readonly #options: ResponderOptions;
  constructor(generation: GenerationService, observer: RequestObserver, log: EventLog, options: ResponderOptions) {
    this.#generation = generation;
    this.#observer = observer;
    this.#log = log;
    this.#options = options;
  }

  /** The exchange of one request, under this server's limits. */
  open(request: FastifyRequest, reply: FastifyReply): Exchange {
    return openExchange(request, reply, this.#options);
  }

  /** Rejects while nothing has been sent; later failures become the stream's last event. */
  respond(exchange: Exchange, job: GenerationJob): Promise<void> {
    return inSpan(exchange.context.span, () => this.#answer(exchange, job));
  }

  async #answer(exchange: Exchange, job: GenerationJob): Promise<void> {
    const { span } = exchange.context;
    const record = recordOf(exchange.reply.raw.req);
    if (record) record.stream = job.stream;
    try {
      const starting = job.commands.map((command) => this.#generation.start(command, exchange.signal));
      const started = await untilAborted(Promise.all(starting), exchange.signal);
      const merged = mergeEvents(started.map((generation) => generation.events));
      const events = eachUntilAborted(merged, exchange.signal);
      const format = job.format(started);
      const usage = job.stream
        ? await this.#stream(exchange, { events, format, job })
        : await this.#whole(exchange, { events, format, started });
      span.annotate({
        'gen_ai.usage.input_tokens': usage.promptTokens,
        'gen_ai.usage.output_tokens': usage.completionTokens,
      });
    } catch (error) {
      const known = failureOf(exchange, error);
      record?.fail(known.reason);
      span.end(known.reason);
      this.#noteLoss(known.reason);
      if (!exchange.reply.raw.headersSent && !exchange.reply.raw.destroyed) throw known;
      exchange.reply.hijack();
    }
  }

  async #whole(
    exchange: Exchange,
    run: { events: AsyncIterable<SourcedEvent>; format: ResponseFormat; started: readonly StartedGeneration[] },
  ): Promise<GenerationUsage> {
    const collected = run.started.map(({ request }) => emptyCollected(request.n));
    for await (const { prompt, event } of run.events) {
      const part = collected[prompt];
      if (part) collect(part, event);
    }
    exchange.signal.throwIfAborted();
    await writeJson(exchange.reply.status(200), run.format.whole(collected), exchange.signal);
    return addUsage(collected.map((part) => part.usage));
  }

  async #stream(
    exchange: Exchange,
    run: { events: AsyncGenerator<SourcedEvent, void>; format: ResponseFormat; job: GenerationJob },
  ): Promise<GenerationUsage> {
    const first = run.events.next();
    // A request refused at once still gets a plain HTTP error; a long prefill gets its headers and then comments.
    await Promise.race([first, sleep(Math.min(this.#options.pingMs, FIRST_EVENT_MS), undefined, { ref: false })]);
    exchange.signal.throwIfAborted();
    const sse = this.#openStream(exchange);
    const usages: GenerationUsage[] = [];
    try {
      for (let next = await first; !next.done; next = await run.events.next()) {
        if (next.value.event.kind === 'done') usages.push(next.value.event.usage);
        for (const chunk of run.format.chunks(next.value)) await sse.send(chunk);
      }
      if (run.job.includeUsage) await sse.send(run.format.usageChunk(addUsage(usages)));
      sse.end(true);
    } catch (error) {
      const known = failureOf(exchange, error);
      this.#failStream(sse, exchange, known);
      throw known;
    } finally {
      await run.events.return();
    }
    return addUsage(usages);
  }

  #openStream(exchange: Exchange): SseStream {
    const { reply, signal } = exchange;
    reply.hijack();
    for (const [name, value] of Object.entries(reply.getHeaders()))
      if (value !== undefined) reply.raw.setHeader(name, value);
    return new SseStream(reply.raw, { ...this.#options, signal });
  }

  #failStream(sse: SseStream, exchange: Exchange, error: AppError): void {
    exchange.abort(error);
    if (error.reason === 'CLIENT_STALLED' || exchange.reply.raw.destroyed) {
      sse.destroy();
      return;
    }
    if (error.code === 'INTERNAL')
      this.#log.failure('request-failed', error.cause ?? error, { requestId: exchange.context.requestId });
    sse.fail(toHttpError(error).body);
  }

  #noteLoss(reason: string): void {
    if (reason === 'CLIENT_DISCONNECTED') this.#observer.clientLost('DISCONNECTED');
    if (reason === 'CLIENT_STALLED') this.#observer.clientLost('STALLED');
  }
}

const FIRST_EVENT_MS = 1000;
/** Where the core's fields stand in the body. */
const BODY_FIELDS: ReadonlyMap<string, string> = new Map(
  ['attention', 'quality', 'speculation'].map((field) => [field, `longhaul.${field}`]),
);

/** Why the request failed: what it was ended for, where it was ended from outside. */
function failureOf({ signal }: Exchange, error: unknown): AppError {
  return spellField(AppError.from(signal.aborted ? signal.reason : error), BODY_FIELDS);
}
