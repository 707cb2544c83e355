import { InProcessBus } from '../src/index.js';
import { eventBusContract, SMALL_BUFFER } from './support/event-bus-contract.js';
import { silentLog } from './support/silent-log.js';

eventBusContract('in process', async () => {
  const bus = new InProcessBus({ ...SMALL_BUFFER, log: silentLog });
  return {
    open: () => bus,
    interrupt: async () => bus.suspend(),
    recover: async () => bus.resume(),
    close: () => bus.close(),
  };
});
