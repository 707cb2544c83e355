import { describeBlockStore, openCore, type OpenedStore } from './block-store-contract.js';
import { serve } from './support/served-store.js';

async function served(dataChannels: boolean): Promise<OpenedStore> {
  const core = await openCore();
  const service = await serve(core, { dataChannels });
  return {
    store: service.client(),
    async close() {
      await service.close();
      await core.close();
    },
  };
}

describeBlockStore('the core in this process', async () => {
  const core = await openCore();
  return { store: core, close: () => core.close() };
});
describeBlockStore('the service over gRPC frames', () => served(false));
describeBlockStore('the service over data channels', () => served(true));
