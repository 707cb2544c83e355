import { Catch, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import type { AppError } from '@longhaul/kernel';
import { toHttpError } from '@longhaul/platform-grpc';
import type { EventLog } from '@longhaul/platform-otel';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { answerEarly, type DrainLimits } from './answer-early.js';
import { bodyIsComing } from './content-headers.js';
import { toAppError } from './edge-errors.js';
import { recordOf } from './request-ledger.js';

/** Clients that were given up because they do not send are not waited for. */
const NOT_DRAINED = new Set(['BODY_TIMEOUT', 'ARRIVAL_DISPLACED']);

/** Every error of the HTTP edge passes here and leaves as an OpenAI error body. */
@Catch()
export class ErrorFilter implements ExceptionFilter {
  readonly #log: EventLog;
  readonly #drain: DrainLimits;

  constructor(log: EventLog, drain: DrainLimits) {
    this.#log = log;
    this.#drain = drain;
  }

  catch(thrown: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    const { raw: request } = http.getRequest<FastifyRequest>();
    const reply = http.getResponse<FastifyReply>();
    const error = toAppError(thrown, { method: request.method ?? '', url: request.url ?? '' });
    const record = recordOf(request);
    record?.fail(error.reason);
    if (error.code === 'INTERNAL' || error.code === 'UNKNOWN')
      this.#log.failure('request-failed', thrown, { requestId: record?.requestId });
    if (reply.raw.headersSent) reply.raw.destroy();
    else if (bodyIsComing(request)) this.#answerEarly(request, reply, error);
    else send(reply, error);
  }

  #answerEarly(request: FastifyRequest['raw'], reply: FastifyReply, error: AppError): void {
    const { status, headers, body } = toHttpError(error);
    const told = Object.entries(reply.getHeaders()).map(([name, value]) => [name, String(value)]);
    const waits = recordOf(request)?.awaitsContinue === true;
    reply.hijack();
    answerEarly(request, reply.raw, {
      status,
      headers: { ...Object.fromEntries(told), ...headers, 'content-type': JSON_TYPE },
      text: JSON.stringify(body),
      drain: waits || NOT_DRAINED.has(error.reason) ? null : this.#drain,
    });
  }
}

const JSON_TYPE = 'application/json; charset=utf-8';

function send(reply: FastifyReply, error: AppError): void {
  const { status, headers, body } = toHttpError(error);
  void reply.status(status).headers(headers).header('content-type', JSON_TYPE).send(body);
}
