/** The part of node-llama-cpp's interface that is used; the package is installed on demand and has no types here. */
export interface PeerModule {
  getLlama(options: { gpu: false; build: 'never'; maxThreads: number; logLevel: 'error' }): Promise<PeerLlama>;
}

export interface PeerLlama {
  loadModel(options: { modelPath: string }): Promise<PeerModel>;
}

export interface PeerModel {
  createContext(options: PeerContextOptions): Promise<PeerContext>;
  dispose(): Promise<void>;
}

export interface PeerContextOptions {
  /** Tokens of each sequence. */
  contextSize: number;
  sequences: number;
  batchSize: number;
  threads: { ideal: number; min: number };
  flashAttention: boolean;
}

export interface PeerContext {
  getSequence(): PeerSequence;
  dispose(): Promise<void>;
}

export interface PeerSequence {
  readonly nextTokenIndex: number;
  evaluate(
    tokens: readonly number[],
    options: { temperature: number; yieldEogToken: boolean },
  ): AsyncGenerator<number, void, void>;
  evaluateWithoutGeneratingNewTokens(tokens: readonly number[]): Promise<void>;
  eraseContextTokenRanges(ranges: readonly { start: number; end: number }[]): Promise<void>;
  clearHistory(): Promise<void>;
  saveStateToFile(path: string): Promise<unknown>;
  loadStateFromFile(path: string, risk: { acceptRisk: true }): Promise<void>;
}
