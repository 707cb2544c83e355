import { describe, expect, it } from '@jest/globals';
import { Measurements } from './measurements.js';
import { PeerFailure } from './peer-failure.js';
import { RowLines } from './row-lines.js';
import { rowNames } from './row-names.js';
import { type Rates } from './rows.js';
import { measureRow, type SparseRow } from './sparse-row.js';

const engines = { side: () => Promise.reject(new Error('none')), openVino: () => Promise.reject(new Error('none')) };
const unused = new Measurements(engines, { rounds: 1, say: () => undefined, now: () => 0 });

function measured(name: string, measure: () => Promise<Rates>): Promise<SparseRow> {
  return measureRow({ name, density: 0.25, engines: [], measure }, unused, 'Intel with AVX-512 VNNI');
}

const rates = (ours: number, peer: number | null) => () => Promise.resolve({ ours, peer, how: 'so' });

describe('a row', () => {
  it('meets a bar of a ratio from above, one of a share from below', async () => {
    const prefill = rowNames.prefill('bf16', 32768);
    expect(await measured(prefill, rates(38, 20))).toMatchObject({ ratio: 1.9, bar: 1.9, met: true });
    expect(await measured(prefill, rates(37, 20))).toMatchObject({ ratio: 1.85, met: false });
    const choosing = rowNames.choosing('decode', 'int8', 32768);
    expect(await measured(choosing, rates(0.3, null))).toMatchObject({ peer: null, ratio: 0.3, bar: 0.3, met: true });
    expect(await measured(choosing, rates(0.31, null))).toMatchObject({ met: false });
  });

  it('is neither met nor missed without a bar', async () => {
    expect(await measured('something else', rates(1, 2))).toMatchObject({ ratio: 0.5, bar: null, met: null });
  });

  it('says why there are no figures where a peer fails, and ends the run where ours does', async () => {
    const name = rowNames.prefillOpenVino(32768);
    const row = await measured(name, () => Promise.reject(new PeerFailure('OpenVINO GenAI: no network')));
    expect(row).toMatchObject({ ours: null, peer: null, ratio: null, bar: 2.5, met: null });
    expect(row.how).toBe('not measured: OpenVINO GenAI: no network');
    await expect(measured(name, () => Promise.reject(new Error('out of pages')))).rejects.toThrow('out of pages');
  });

  it('is a line with what it was made of at its end', async () => {
    const lines = new RowLines(['case', 'a longer case']);
    const all = [
      lines.head(),
      lines.row({ ...(await measured('case', rates(38, 20))), bar: 1.9, met: true }),
      lines.row({ ...(await measured('a longer case', rates(0.31, null))), bar: 0.3, met: false }),
      lines.row(await measured('case', () => Promise.reject(new PeerFailure('gone')))),
    ];
    expect(all).toEqual([
      '               density     ours     peer    ratio     bar          how',
      'case            25.0 %     38.0     20.0    1.90x    1.9x     met  so',
      'a longer case   25.0 %   31.0 %        -   31.0 %    30 %  MISSED  so',
      'case            25.0 %        -        -        -       -          not measured: gone',
    ]);
  });
});
