import { Controller, HttpCode, Inject, Post, Req, Res } from '@nestjs/common';
import { invalidArgument } from '@longhaul/kernel';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { PromptInput } from '../../core/command.js';
import { GenerationService } from '../../core/generation.js';
import { checkTokenIds } from '../../core/limits.js';
import { ModelDirectory } from '../../core/served-model.js';
import { GenerationResponder } from './generation-responder.js';
import { LazyList, LazyText } from './lazy-list.js';
import { chatInput, textOptions } from './openai-command.js';
import { detokenizeRequestSchema, tokenizeRequestSchema, type TokenizeRequest } from './openai-schema.js';
import { isGiven, parseBody } from './parse-body.js';
import { writeJson } from './write-json.js';

/** The list itself is parsed in one go. */
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
  async tokenize(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    // A client that goes away, or a deadline, ends the work, too: a text may be megabytes long.
    const { signal, context } = this.responder.open(request, reply);
    const body = parseBody(tokenizeRequestSchema, request.body);
    const options = { tenant: context.tenant, model: body.model ?? undefined, signal };
    const { served, tokenIds } = await this.generation.tokenize(inputOf(body), options);
    const { codec, info } = served;
    const answer = {
      tokens: LazyList.map(tokenIds, (id) => id),
      count: tokenIds.length,
      max_model_len: info.contextLength,
      ...(body.return_token_strs ? { token_strs: LazyList.map(tokenIds, (id) => codec.token(id).text) } : {}),
    };
    await writeJson(reply, answer, signal);
  }

  @Post('detokenize')
  @HttpCode(200)
  async detokenize(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const { signal, context } = this.responder.open(request, reply);
    const body = parseBody(detokenizeRequestSchema, request.body);
    const { codec, info } = this.models.forTenant(context.tenant, body.model ?? undefined);
    if (body.tokens.length > MAX_DECODED_TOKENS) {
      const message = `tokens has more than ${MAX_DECODED_TOKENS} entries.`;
      throw invalidArgument('tokens', message, { max: MAX_DECODED_TOKENS });
    }
    checkTokenIds('tokens', body.tokens, info.vocabSize);
    await writeJson(reply, { prompt: new LazyText(codec.decodeSlices(body.tokens, false)) }, signal);
  }
}

/** Either a text or a conversation; what belongs to the other one is refused. */
function inputOf(body: TokenizeRequest): PromptInput {
  const { prompt, messages } = body;
  if (isGiven(prompt) === isGiven(messages)) throw invalidArgument('prompt', 'Give either prompt or messages.');
  if (messages) {
    if (body.add_special_tokens !== true) return chatInput(messages, body);
    throw invalidArgument('add_special_tokens', 'add_special_tokens needs prompt: a chat template writes its own.');
  }
  const needsMessages = (['add_generation_prompt', 'continue_final_message', 'chat_template_kwargs'] as const).find(
    (field) => isGiven(body[field]),
  );
  if (needsMessages) throw invalidArgument(needsMessages, `${needsMessages} needs messages.`);
  return { kind: 'text', text: prompt ?? '', options: textOptions(body) };
}
