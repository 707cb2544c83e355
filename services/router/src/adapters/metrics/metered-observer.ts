import { count, record } from '@longhaul/platform-otel';
import type { RequestObserver } from '../../core/ports.js';

/** Requests as metrics. */
export function meteredObserver(): RequestObserver {
  return {
    firstToken: (model, waitS) => record('timeToFirstToken', waitS, { model_name: model }),
    nextTokens: (model, gapS) => record('interTokenLatency', gapS, { model_name: model }),
    choiceFinished: (model, reason) => count('requestSuccess', 1, { model_name: model, finished_reason: reason }),
    requestFinished(model, usage, totalS) {
      const labels = { model_name: model };
      record('requestPromptTokens', usage.promptTokens, labels);
      record('requestGenerationTokens', usage.completionTokens, labels);
      record('requestLatency', totalS, labels);
    },
    requestFailed(model, reason, totalS) {
      count('requestErrors', 1, { model_name: model, reason });
      record('requestLatency', totalS, { model_name: model });
    },
    requestRejected: (reason) => count('rejectedRequests', 1, { reason }),
    clientLost: (reason) => count('disconnectedClients', 1, { reason }),
  };
}
