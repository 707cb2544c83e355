import { Body, Controller, HttpCode, Inject, Post } from '@nestjs/common';
import { invalidArgument } from '@longhaul/kernel';
import type { PromptInput } from '../../core/command.js';
import { GenerationService } from '../../core/generation.js';
import { checkTokenIds } from '../../core/limits.js';
import { ModelDirectory } from '../../core/served-model.js';
import { chatMessages } from './openai-command.js';
import { detokenizeRequestSchema, tokenizeRequestSchema } from './openai-schema.js';
import { parseBody } from './parse-body.js';

/** Text to tokens and back, as the model sees it. */
@Controller()
export class TokenizeController {
  constructor(
    @Inject(GenerationService) private readonly generation: GenerationService,
    @Inject(ModelDirectory) private readonly models: ModelDirectory,
  ) {}

  @Post('tokenize')
  @HttpCode(200)
  async tokenize(@Body() raw: unknown) {
    const body = parseBody(tokenizeRequestSchema, raw);
    if ((body.prompt === undefined) === (body.messages === undefined)) {
      throw invalidArgument('prompt', 'Give either prompt or messages.');
    }
    const input: PromptInput = body.messages
      ? { kind: 'chat', messages: chatMessages(body.messages) }
      : { kind: 'text', text: body.prompt ?? '' };
    const { served, tokenIds } = await this.generation.tokenize(
      body.model ?? undefined,
      input,
      body.add_special_tokens,
    );
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
    checkTokenIds('tokens', body.tokens, info.vocabSize);
    return { prompt: codec.decode(body.tokens, false) };
  }
}
