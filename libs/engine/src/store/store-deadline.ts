import { AppError, type Deadline, openDeadline } from '@longhaul/kernel';

/** How long the engine waits for its store: `KV_STORE_TIMEOUT` then. No such wait keeps the process alive. */
export function storeDeadline(timeoutMs: number, parent?: AbortSignal): Deadline {
  return openDeadline({ timeoutMs, parent, late: () => timedOut(timeoutMs), background: true });
}

function timedOut(timeoutMs: number): AppError {
  return new AppError({
    code: 'DEADLINE_EXCEEDED',
    reason: 'KV_STORE_TIMEOUT',
    retry: 'same',
    message: `The KV store took longer than ${timeoutMs} ms.`,
  });
}
