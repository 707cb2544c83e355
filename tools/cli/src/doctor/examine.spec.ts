import { describe, expect, it } from '@jest/globals';
import { libraryNeeds } from './cuda.js';
import { type DoctorReport, problemsOf, remarksOf } from './examine.js';
import { chosenOf, quotaOf, type MachineReport } from './machine.js';

const GIB = 2 ** 30;
const folder = { path: '/home', freeBytes: 9 * GIB, writable: true };
const machine = { memoryFreeBytes: 9 * GIB } as MachineReport;

describe('what the doctor reads', () => {
  it('is the quota of a container, and none where there is no bound', () => {
    expect(quotaOf('150000 100000\n')).toBe(1.5);
    expect([quotaOf('max 100000\n'), quotaOf(null), quotaOf('')]).toEqual([null, null, null]);
  });

  it('is the mode of huge pages that is in force', () => {
    expect(chosenOf('always [madvise] never\n')).toBe('madvise');
    expect(chosenOf(null)).toBeNull();
  });

  it('is whether a shared library loads, each by itself', async () => {
    const [there, missing] = await libraryNeeds(['libc.so.6', 'libnowhere.so.7']);
    expect(there).toMatchObject({ what: 'libc.so.6', found: true });
    expect(missing).toMatchObject({ found: false, detail: expect.stringContaining('libnowhere.so.7') });
  });
});

describe('what a server does without', () => {
  it('is AMX where the operating system refuses its tiles, with the reason', () => {
    const report = { machine: { coreQuota: null }, poolHugePages: true, kernels: [], tileProblem: 'refused' };
    expect(remarksOf(report as unknown as DoctorReport)).toEqual(['the AMX of the processor is not used: refused']);
    expect(remarksOf({ ...report, tileProblem: '' } as unknown as DoctorReport)).toEqual([]);
  });
});

describe('what keeps a server from running', () => {
  it('is nothing on a sound machine, and no folder is named twice', () => {
    expect(problemsOf({ home: folder, kvDir: folder, machine })).toEqual([]);
    const closed = { ...folder, writable: false };
    expect(problemsOf({ home: closed, kvDir: closed, machine })).toEqual(['/home cannot be written']);
  });

  it('is a lack of disk or memory, with the folder it is in', () => {
    const full = { ...folder, path: '/kv', freeBytes: GIB - 1 };
    const problems = problemsOf({ home: folder, kvDir: full, machine: { ...machine, memoryFreeBytes: 5 } });
    expect(problems).toEqual(['/kv has less than 1 GiB of free disk', 'less than 1 GiB of memory is free']);
  });
});
