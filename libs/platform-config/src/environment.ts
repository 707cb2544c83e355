import { readText } from '@longhaul/files';
import { nearest } from './nearest.js';
import { envOf, flagOf, type Setting, type Settings } from './setting.js';

type Env = Readonly<Record<string, string | undefined>>;

/** What the environment says about one key. */
export interface Found {
  raw?: string;
  fault?: string;
}

const PREFIX = 'LONGHAUL_';
const FILE_SUFFIX = '_FILE';
/** A secret is a line, not a document; more is the wrong file. */
const MAX_SECRET_BYTES = 65_536;

/** The variable that names the file with a secret, as orchestrators mount them; null for keys that are no secrets. */
export function secretFileOf(key: string, setting: Setting): string | null {
  return setting.secret === true ? `${envOf(key, setting)}${FILE_SUFFIX}` : null;
}

/** The text of one key: its variable, or for a secret the file that `<VARIABLE>_FILE` names, less its last line break. */
export function readVariable(key: string, setting: Setting, env: Env): Found {
  const direct = env[envOf(key, setting)] || undefined;
  const fileVariable = secretFileOf(key, setting);
  const path = fileVariable === null ? undefined : env[fileVariable] || undefined;
  if (path === undefined) return direct === undefined ? {} : { raw: direct };
  if (direct !== undefined) {
    return { fault: `--${flagOf(key, setting)} (${envOf(key, setting)}): is given twice, also by ${fileVariable}` };
  }
  return readSecret(path, `--${flagOf(key, setting)} (${fileVariable})`);
}

/**
 * Variables with our prefix that are none of ours but look like one of ours misspelt. Others are left alone: services
 * share environments, and orchestrators add variables of their own.
 */
export function misspeltVariables(settings: Settings, env: Env): string[] {
  const entries = Object.entries(settings);
  const files = entries.map(([key, setting]) => secretFileOf(key, setting)).filter((name) => name !== null);
  const known = [...entries.map(([key, setting]) => envOf(key, setting)), ...files];
  return Object.keys(env)
    .filter((name) => name.startsWith(PREFIX) && !known.includes(name))
    .flatMap((name) => {
      const bare = known.filter((other) => other.startsWith(PREFIX)).map((other) => other.slice(PREFIX.length));
      const meant = nearest(name.slice(PREFIX.length), bare);
      const isSet = meant !== undefined && env[`${PREFIX}${meant}`] !== undefined;
      return meant === undefined || isSet ? [] : [`${name}: unknown variable; did you mean ${PREFIX}${meant}?`];
    });
}

function readSecret(path: string, name: string): Found {
  const read = readText(path, MAX_SECRET_BYTES);
  return read.kind === 'read' ? { raw: read.text.replace(/\r?\n$/, '') } : { fault: `${name}: ${read.problem}` };
}
