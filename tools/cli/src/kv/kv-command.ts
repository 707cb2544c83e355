import { dispatch, type Command, type Commands } from '../commands.js';
import { kvGc } from './gc.js';
import { kvGrant } from './grant.js';
import { kvInspect } from './inspect.js';
import { kvLs } from './ls.js';
import { kvStats } from './stats.js';
import { kvVerify } from './verify.js';

export const KV_HELP = `longhaul kv ls      [--kv-dir DIR] | --address HOST:PORT --namespace HEX --model HEX --tenant NAME [--epoch N]
longhaul kv inspect <key|file> [--kv-dir DIR] [--tokens]   one block: header, sections, checksums
longhaul kv verify  [--kv-dir DIR] [--repair]              read and check everything; exit code 1 when damage remains
longhaul kv stats   [--kv-dir DIR] | --address HOST:PORT   how much is kept, of whom
longhaul kv gc      [--kv-dir DIR]                         give the space of removed blocks back
longhaul kv grant   --key FILE --out FILE --rights read,write,pin,evict,operate [--valid 24h]
                    --all-namespaces | --tenant NAME --namespace HEX | --tenant NAME --tenant-secret FILE [--cache-salt TEXT]
                    sign a capability for the holders of blocks of one namespace, or of all
  --kv-dir: the directory of a store's disk tier; by default that of longhaul serve. ls, inspect, stats and verify only
  read and may run beside the store; gc and verify --repair refuse a directory that a process uses. --address:
  a running kv-store service, with --tls-ca, --tls-cert, --tls-key and --capability FILE where it asks for them. All
  take --json.`;

const verb = (run: Command['run']): Command => ({ help: KV_HELP, run });

const VERBS: Commands = {
  ls: verb(kvLs),
  inspect: verb(kvInspect),
  verify: verb(kvVerify),
  stats: verb(kvStats),
  gc: verb(kvGc),
  grant: verb(kvGrant),
};

/** `longhaul kv ...`; the report on stdout, as text or with `--json` as one JSON document. */
export function kvCommand(argv: readonly string[]): Promise<void> {
  return dispatch(argv, 'longhaul kv', VERBS, KV_HELP);
}
