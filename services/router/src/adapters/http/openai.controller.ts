import { Controller, Get, HttpCode, Inject, Post, Req, Res } from '@nestjs/common';
import type { KernelReport } from '@longhaul/inference';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { samplingDefaultsBody } from '../../core/sampling-defaults.js';
import { mayAsk, ModelDirectory, type ServedModel } from '../../core/served-model.js';
import type { Tenant } from '../../core/tenants/tenant.js';
import { chatFormat } from './chat-format.js';
import { completionFormat } from './completion-format.js';
import type { Exchange } from './exchange.js';
import { GenerationResponder } from './generation-responder.js';
import { chatCommand, completionCommands, type RequestOrigin } from './openai-command.js';
import { chatRequestSchema, completionRequestSchema, type CommonRequest } from './openai-schema.js';
import { isGiven, parseBody } from './parse-body.js';
import { contextOf } from './request-context.js';

/** The OpenAI-compatible API. */
@Controller('v1')
export class OpenAiController {
  constructor(
    @Inject(GenerationResponder) private readonly responder: GenerationResponder,
    @Inject(ModelDirectory) private readonly models: ModelDirectory,
  ) {}

  @Post('chat/completions')
  async chat(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const exchange = this.responder.open(request, reply);
    const body = parseBody(chatRequestSchema, request.body);
    const includeUsage = wantsUsage(body);
    await this.responder.respond(exchange, {
      commands: [chatCommand(body, originOf(exchange))],
      format: (started) => chatFormat({ started, includeUsage, logprobs: body.logprobs === true }),
      stream: body.stream === true,
      includeUsage,
    });
  }

  @Post('completions')
  async completions(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const exchange = this.responder.open(request, reply);
    const body = parseBody(completionRequestSchema, request.body);
    const includeUsage = wantsUsage(body);
    const commands = completionCommands(body, originOf(exchange));
    await this.responder.respond(exchange, {
      commands,
      format: (started) => {
        const echo = started.map(({ served, request: { promptTokenIds } }, prompt) => {
          if (body.echo !== true) return null;
          const input = commands[prompt]?.input;
          return input?.kind === 'text' ? input.text : served.codec.decode([...promptTokenIds], false);
        });
        const showPromptLogprobs = isGiven(body.prompt_logprobs);
        return completionFormat({ started, includeUsage, logprobs: isGiven(body.logprobs), echo, showPromptLogprobs });
      },
      stream: body.stream === true,
      includeUsage,
    });
  }

  @Get('models')
  @HttpCode(200)
  listModels(@Req() request: FastifyRequest) {
    const served = this.models.require();
    const { tenant } = contextOf(request);
    const data = mayAsk(tenant, served) ? [modelBody(served, tenant)] : [];
    return { object: 'list', data };
  }

  /** Model ids may contain slashes. */
  @Get('models/*')
  getModel(@Req() request: FastifyRequest<{ Params: { '*': string } }>) {
    const { tenant } = contextOf(request);
    return modelBody(this.models.forTenant(tenant, request.params['*']), tenant);
  }
}

function originOf({ context, deadlineMs }: Exchange): RequestOrigin {
  return { requestId: context.requestId, tenant: context.tenant, deadlineMs };
}

function wantsUsage(body: CommonRequest): boolean {
  return body.stream === true && body.stream_options?.include_usage === true;
}

/** Answers of one profile have the same bits. */
function kernelsBody({ profileId, source, levels }: KernelReport) {
  return { profile_id: profileId, source, levels };
}

function modelBody({ info, attention }: ServedModel, tenant: Tenant) {
  return {
    id: info.id,
    object: 'model',
    created: info.createdUnixS,
    owned_by: 'longhaul',
    max_model_len: info.contextLength,
    family: info.family,
    fingerprint: info.fingerprint,
    sampling_defaults: samplingDefaultsBody(info.defaults),
    attention: attention.offerTo(tenant),
    ...(info.kernels === undefined ? {} : { kernels: kernelsBody(info.kernels) }),
  };
}
