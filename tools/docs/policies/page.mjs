// docs/policies.md: which policy to choose, how to write one, a card for each method, and what goes with what.
import { policyBounds, TRIED_MASSES, writtenPreset } from '@longhaul/attention';
import { cardSections } from './cards.mjs';
import { matrixSection } from './matrix.mjs';
import { models } from './models.mjs';
import { grouped } from './policies.mjs';
import { readsSection } from './reads.mjs';

/** @param {string} note that says how the page is made. */
export function policiesPage(note) {
  return [
    '# Attention policies',
    note,
    '',
    ...guide(),
    ...presetSection(),
    ...readsSection(),
    ...writing(),
    ...rules(),
    ...fallingBack(),
    ...calibration(),
    '## Methods',
    '',
    'Each is a configuration of the same parts. The JSON is the method with its own parameters; `skip_softmax` and `dense_below` go with all of them.',
    '',
    ...cardSections(),
    ...matrixIntroduction(),
    ...matrixSection(),
  ].join('\n');
}

function guide() {
  return [
    'A policy says which keys a query looks at. It belongs to a request: one server, and one batch, may have requests of different policies. What is',
    'left out saves time and may cost answers, so a policy is a choice between the two.',
    '',
    '## Which one',
    '',
    '| you want | take | because |',
    '|---|---|---|',
    '| the answers of the model, nothing less | `dense` | nothing is left out. It is the default |',
    '| long prompts read faster, with answers close to those of dense | `balanced` | dense below 8,192 tokens; beyond, the blocks that hold 90 % of the mass, and a budget per token for the answer |',
    '| the most speed, and you check answers by other means | `fast` | less mass, half of the budget, lists kept for four tokens; no drafted tokens |',
    '| exact KV of the prompt, and faster answers | a policy of decode plans alone, such as `quest` | the prompt is shared with dense requests |',
    '| a fixed cost per token however long the text, of which only the end matters | `streaming` | what left the window is not found again |',
    '| a model that was calibrated, and nothing chosen at run time | `duo-attention` | a share of the heads is saved in both phases |',
    '',
    'Texts below `dense_below` cost and answer as dense ones do. Measure before you choose: `npm run eval` asks a model long questions under several policies and',
    'tells accuracy beside the time saved, per task ([how](../tools/eval/README.md)). No policy is good at everything: look at its worst task, at the length that you use.',
    '',
  ];
}

function presetSection() {
  const rows = models.flatMap((model) => ['balanced', 'fast'].map((preset) => presetRow(model, preset)));
  return [
    '## Presets',
    '',
    'Presets are made for a model: their budget is such that all layers together look at 12.5 % (`balanced`) or 6.25 % (`fast`) of a text of 32K tokens in decode, layers',
    'that stay dense included. How much a prompt of 32K reads depends on its text: mass decides, not a number of blocks.',
    '',
    '| model | preset | dense layers | budget of the others, tokens | dense below |',
    '|---|---|---|---|---|',
    ...rows,
    '',
    '`{"preset": "balanced", "dense_below": 0}` is a preset with another dense part; `audit` goes with a preset, too. Presets have no bound of an audit of their own.',
    '',
  ];
}

function presetRow(model, preset) {
  const { dense_below: denseBelow, plans } = writtenPreset({ preset }, model);
  const decode = plans.find(({ phase }) => phase === 'decode');
  const budget = decode.branches.find(({ selector }) => selector !== undefined).selector.tokens;
  const dense = decode.layers?.[0]?.from ?? 0;
  return `| ${model.name} | \`${preset}\` | ${dense} | ${grouped(budget)} | ${grouped(denseBelow)} |`;
}

function writing() {
  const { bytes, plans, kl } = policyBounds;
  return [
    '## Writing one',
    '',
    `A policy is JSON of at most ${grouped(bytes)} characters with at most ${plans} plans. Unknown fields, and values outside their range, are errors that name the place, such as`,
    '`attention.plans[0].branches[1].selector.tokens`.',
    '',
    '| field | |',
    '|---|---|',
    '| `name` | shown in usage; `custom` when left out. Decides nothing |',
    '| `dense_below` | of plans that say nothing else: queries at positions below look at everything. 0 when left out |',
    '| `skip_softmax` | 0 (off) to 100: keys of a block are skipped for a query where their logits stay below its maximum so far by more than this |',
    '| `on_missing_artefact` | `refuse` (default), or `dense`: heads whose artefact the package lacks look at everything |',
    `| \`audit\` | \`{"least_recall", "most_kl"}\`: what the [live audit](#falling-back) holds the policy to in place of \`--audit-least-recall\` (0 to 1; 0 never falls back) and \`--audit-most-kl\` (0 to ${kl} nats; ${kl} never falls back) |`,
    '| `plans[]` | how some heads attend in one phase. Heads that no plan names are dense |',
    '| `plans[].phase` | `prefill` (rows of prompt tokens) or `decode` (all later rows), by position, however they are computed |',
    '| `plans[].layers[]` | `{"from", "to"}`, `to` not included; all when left out |',
    '| `plans[].kv_heads[]`, `.gates` | KV heads by number; or `{"heads": "retrieval" or "streaming", "sparsity"}`, by the artefact `gates` |',
    '| `plans[].branches[]` | `sink` (keys below `tokens`), `window` (the last `tokens`, the query included) and `middle` (the rest); or `all` alone |',
    '| `.selector` | what of `middle` or `all` is looked at: `all`, `none`, `top-k` (`tokens` of the whole list), `top-cdf` (`mass`, `min_units`, `max_units`), `top-lines` (`verticals`, `slashes`) |',
    '| `.scorer` | what ranks: `relu-split` of `key-bounds` (`radius` from 0 to 1: the share of their half widths that counts; Quest has 1, presets 0.5); `antidiagonal-strip` of `keys` (`stride`); `last-queries` of `keys`; `identity` of `keys`; `channel-subset` of `labels` (`dims`) |',
    '| `.scorer.head_reduce` | `max`, `sum` or `vote`: how the query heads of a KV head agree on one list |',
    '| `.unit` | `{"kind": "page", "tokens"}` (a multiple of 16) or `{"kind": "token"}`; the scorer\'s own when left out |',
    '| `.reuse` | decode: `always` (default) chooses at every step, `every` at every `steps`, `cosine` when the query has turned away (`at_least`) |',
    '| `.exec` | `summary`: what `none` drops in decode counts as one row, the mean of its keys and values |',
    '',
    'Sink, window and the page of the query are always looked at and count in the budget. A prompt is chosen for in blocks of 128 queries, cut at positions, so a',
    'result does not depend on chunks, on the batch, or on where KV lies.',
    '',
  ];
}

function rules() {
  return [
    '## What does not go together',
    '',
    '| refused | why |',
    '|---|---|',
    '| two branches for one range, two plans for one head | each would choose, and one would win by its place |',
    '| branches that leave the middle out | what is dropped is said: `none` |',
    '| `top-cdf` of `key-bounds`; of `keys` or `labels` without `vote` | bounds and logits are no shares of a mass |',
    "| a budget below sink, window and the query's own unit | they are always looked at |",
    '| `reuse` in prefill; `summary` of what is not dropped, or in prefill | there is nothing to keep, or to sum up |',
    '| drafted tokens with `reuse` or `summary` | several tokens at once would share a list, or sums, that each alone would make |',
    '| layers that all have a sliding window | they stay as the model has them; where only some have one, the plan is for the others |',
    '| a channel that the KV pool does not keep, an artefact that the package lacks | nothing is guessed. The error names `longhaul model calibrate` |',
    '| thresholds that were calibrated for another stride | they say nothing about this one |',
    '',
    'KV that was computed under a policy is found by equal policies only: the key of a block names all that decides its values. Written otherwise but meaning the',
    'same, policies share.',
    '',
  ];
}

function fallingBack() {
  return [
    '## Falling back',
    '',
    'A server can compare policies with dense attention while it serves, on two samples:',
    '',
    '- **Queries** (`--audit-share`): of some queries, in some layers and KV heads, dense attention is computed as well. What is told is the share of the attention mass on the keys that were',
    '  looked at (recall), and the error of the output.',
    '- **Steps** (`--audit-kl-share`): some decode steps of an answer are computed a second time, densely as a whole, and the distributions of the next token are compared: KL(dense || policy), in',
    "  nats, from raw logits. The token's own KV goes to a scratch page. The KV of the tokens before it is what the policy has made of them, so this is the error of one step, not all that a",
    '  policy has come to differ by since the text began.',
    '',
    "Where an answer's latest samples keep too little of the mass on average (`audit.least_recall`, else `--audit-least-recall`), or its next tokens are too far off (`audit.most_kl`, else",
    '`--audit-most-kl`), the rest of it is computed under a **denser** policy, which comes with each: windows, budgets and bounds of units are twice',
    'as large, of a mass half as much is left out, keys are skipped from twice as far below the maximum on; what ranks, in which units, how often and above which length is as',
    'before. Where samples of the denser one say the same, the rest is computed densely. Prompts keep the policy that was asked for, since others may have their KV. So do requests',
    'that ask for drafted tokens. `usage.longhaul.fallbacks` counts, the log (`attention-fell-back`) and `longhaul_attention_audit_fallbacks_total` say to what.',
    '',
    'What is sampled follows from prompt, choice, layer, head and position alone, and comparing changes no answer by itself: an answer falls back at the same token in every run, alone, in a',
    'batch, after a preemption. With f32 weights KL may differ in its low bits from run to run, as log-probabilities may; a step that could not be compared (`comparison-failed` in the log) is',
    'missing among the samples.',
    '',
  ];
}

function calibration() {
  return [
    '## Calibration',
    '',
    'Some policies need to know a model. `longhaul model calibrate <package>` reads samples with it and puts what it finds into the package, with digests; servers that start afterwards use it',
    '([flags](../tools/cli/README.md#longhaul-model-calibrate)). Without the artefact a policy is refused with this command, or dense in the heads that need it where it says `"on_missing_artefact": "dense"`.',
    '',
    '| artefact | says | found by | needed by |',
    '|---|---|---|---|',
    '| `gates` | how much each KV head retrieves | random tokens, four times the same: how much of its attention a head gives to earlier copies of a token (echo), and to what followed these (induction). One of 15 protected heads is protected for its echo, the others for their induction (RazorAttention, section 3.2) | `duo-attention`, `razor-attention`, `lserve`, plans with `gates` |',
    '| `gates`, with `--gates early-mass` | the same | over texts: how early the keys lie that the mean query of a head would look at, if all keys were its mean key | the same |',
    "| `gates`, with `--import-heads FILE` | the same | trained by DuoAttention's authors: their `full_attention_heads.tsv` | the same |",
    '| `label-channels` | which dimensions of a key tell most | over texts: the sum of products of query and key of one token, dimension by dimension; dimensions that rotate together stay together (Double Sparsity, section 3.1) | `double-sparsity`, the scorer `channel-subset` |',
    `| \`xattention-thresholds\` | the mass that each head's blocks must reach | over texts: what block selection keeps and reads with each of ${TRIED_MASSES.length} masses; then the masses with which all heads together read least and keep 95 % of the attention on average, by dynamic programming | \`xattention\` with \`"mass": "calibrated"\` |`,
    '',
    'Gates of one kind are no better than the other on every model, and neither knows your texts: look at `npm run eval` before you rely on them. Artefacts are for the',
    "model's own RoPE scaling: a server with `--rope-scaling` has none.",
    '',
  ];
}

function matrixIntroduction() {
  return [
    '## What goes with what',
    '',
    '`no`: the code refuses it. `yes`: a test shows it, whose number stands beside it. `not tested`: nothing forbids it, and no test shows it yet.',
    '',
  ];
}
