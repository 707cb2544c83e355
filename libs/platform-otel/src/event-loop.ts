import { monitorEventLoopDelay } from 'node:perf_hooks';
import { observe } from './instruments.js';

const RESOLUTION_MS = 10;
const NANOSECONDS = 1e9;

/**
 * Observes how late the event loop is, until the returned function is called. Costs one timer of 10 ms.
 *
 * @remarks The maximum since the last reading; with more than one scraper each sees part of it.
 */
export function observeEventLoop(): () => void {
  const delays = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  delays.enable();
  const unobserve = observe('eventLoopDelay', () => {
    const lateS = delays.max / NANOSECONDS;
    delays.reset();
    // A delay includes the period of the timer that measures it.
    return Math.max(0, lateS - RESOLUTION_MS / 1000);
  });
  return () => {
    unobserve();
    delays.disable();
  };
}
