import { Body, Controller, HttpCode, Inject, Post, Req, Res } from '@nestjs/common';
import { invalidArgument } from '@longhaul/kernel';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { PromptInput } from '../../core/command.js';
import { GenerationService } from '../../core/generation.js';
import { checkTokenIds } from '../../core/limits.js';
import { ModelDirectory } from '../../core/served-model.js';
import { GenerationResponder } from './generation-responder.js';
import { ANSWER_NEXT, chatMessages } from './openai-command.js';
import { detokenizeRequestSchema, tokenizeRequestSchema } from './openai-schema.js';
import { parseBody } from './parse-body.js';

/** Decoding runs in one go. */
const MAX_DECODED_TOKENS = 2 ** 20;

/** Text to tokens and back, as the model sees it. */
@Controller()
export class TokenizeController {
  constructor(
    @Inject(GenerationService) private readonly generation: GenerationService,
    @Inject(ModelDirectory) private readonly models: ModelDirectory,
    @Inject(GenerationResponder) private readonly responder: GenerationResponder,
  ) {}

  @Post('tokenize')
  @HttpCode(200)
  async tokenize(@Req() request: FastifyRequest, @Res({ passthrough: true }) reply: FastifyReply) {
    // A client that goes away, or a deadline, ends the work, too: a text may be megabytes long.
    const { signal } = this.responder.open(request, reply);
    const body = parseBody(tokenizeRequestSchema, request.body);
    if ((body.prompt === undefined) === (body.messages === undefined)) {
      throw invalidArgument('prompt', 'Give either prompt or messages.');
    }
    const input: PromptInput = body.messages
      ? { kind: 'chat', messages: chatMessages(body.messages), options: ANSWER_NEXT }
      : { kind: 'text', text: body.prompt ?? '', parseSpecialTokens: true };
    const { served, tokenIds } = await this.generation.tokenize(input, {
      model: body.model ?? undefined,
      addSpecialTokens: body.add_special_tokens,
      signal,
    });
    const tokens = [...tokenIds];
    return {
      tokens,
      count: tokens.length,
      max_model_len: served.info.contextLength,
      ...(body.return_token_strs ? { token_strs: tokens.map((id) => served.codec.token(id).text) } : {}),
    };
  }

  @Post('detokenize')
  @HttpCode(200)
  detokenize(@Body() raw: unknown) {
    const body = parseBody(detokenizeRequestSchema, raw);
    const { codec, info } = this.models.require(body.model ?? undefined);
    if (body.tokens.length > MAX_DECODED_TOKENS) {
      const message = `tokens has more than ${MAX_DECODED_TOKENS} entries.`;
      throw invalidArgument('tokens', message, { max: MAX_DECODED_TOKENS });
    }
    checkTokenIds('tokens', body.tokens, info.vocabSize);
    return { prompt: codec.decode(body.tokens, false) };
  }
}
