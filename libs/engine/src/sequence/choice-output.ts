import type { GenerationRequest } from '@longhaul/inference';
import type { Detokenize, Detokenizer, OpenStopMatcher } from '../ports.js';
import { StopScan, type Emission, type TextPiece } from './stop-scan.js';

/** Turns the tokens of one choice into text: detokenises, then looks for stop strings. */
export class ChoiceOutput {
  readonly #shown: Detokenizer;
  /** With special tokens; null when there are no stop strings, or the shown text has them anyway. */
  readonly #full: Detokenizer | null;
  /** Null when the request has no stop strings. */
  readonly #scan: StopScan | null;
  readonly #minTokens: number;
  #tokens = 0;

  constructor(request: GenerationRequest, ports: { detokenize: Detokenize; openStopMatcher: OpenStopMatcher }) {
    const { stop, includeSpecialTokens } = request;
    const scans = stop.strings.length > 0;
    this.#shown = ports.detokenize.open({ includeSpecial: includeSpecialTokens });
    this.#full = scans && !includeSpecialTokens ? ports.detokenize.open({ includeSpecial: true }) : null;
    // Where a stop string is to be shown the scan adds it: its special tokens are not in the shown text.
    const open = () => ports.openStopMatcher(stop.strings, { includeStopString: false });
    const matchers = scans ? { full: open(), shown: this.#full === null ? null : open() } : null;
    this.#scan = matchers && new StopScan(matchers, stop.includeStopString);
    this.#minTokens = stop.minTokens;
  }

  /** Takes a token that is part of the text. */
  push(token: number): Emission {
    this.#tokens++;
    const shown = this.#shown.push(token);
    return this.#look({ shown, full: this.#full?.push(token) ?? shown });
  }

  /** Takes the token that ends the choice: it is no text, but it may complete a stop string. */
  end(token: number): Emission {
    const rest = this.#flush();
    if (rest.stopped !== null || this.#scan === null) return rest;
    const last = this.#look({ shown: '', full: (this.#full ?? this.#shown).push(token) });
    const held = last.stopped === null ? this.#scan.finish() : '';
    return { text: rest.text + last.text + held, stopped: last.stopped };
  }

  /** The rest, when no token follows. It may still complete a stop string. */
  finish(): Emission {
    const last = this.#flush();
    if (last.stopped !== null || this.#scan === null) return last;
    return { text: last.text + this.#scan.finish(), stopped: null };
  }

  /** What an unfinished character comes to. */
  #flush(): Emission {
    const shown = this.#shown.finish();
    return this.#look({ shown, full: this.#full?.finish() ?? shown });
  }

  #look(piece: TextPiece): Emission {
    // Like the end tokens, stop strings count only after the asked-for minimum.
    if (this.#scan === null || this.#tokens < this.#minTokens) return { text: piece.shown, stopped: null };
    return this.#scan.push(piece);
  }
}
