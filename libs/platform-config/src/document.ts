import { allowedOf } from './allowed.js';
import { secretFileOf } from './environment.js';
import { envOf, flagOf, type Setting, type Settings } from './setting.js';

/** One line per key for `--help`. */
export function helpText(program: string, settings: Settings): string {
  const rows = Object.entries(settings).map(([key, setting]) => {
    const flag = `--${flagOf(key, setting)}${setting.isSwitch ? '' : ' <value>'}`;
    return `  ${flag.padEnd(36)} ${setting.description} [${facts(setting)}]`;
  });
  return [`Usage: ${program} [flags]`, '', ...rows, ''].join('\n');
}

/** A Markdown table of all keys, for docs/configuration.md. */
export function markdownTable(settings: Settings): string {
  const rows = Object.entries(settings).map(([key, setting]) => {
    const cells = [
      `\`--${flagOf(key, setting)}\``,
      `\`${envOf(key, setting)}\``,
      defaultOf(setting),
      allowedOf(setting),
      setting.unit ?? '',
      `${setting.description}${secretNote(key, setting)}`,
    ];
    return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  });
  return ['| Flag | Variable | Default | Allowed | Unit | Meaning |', '|---|---|---|---|---|---|', ...rows, ''].join(
    '\n',
  );
}

function secretNote(key: string, setting: Setting): string {
  const file = secretFileOf(key, setting);
  return file === null ? '' : ` **Secret**; \`${file}\` may name a file that holds it.`;
}

function facts(setting: Setting): string {
  const allowed = setting.isSwitch ? '' : allowedOf(setting);
  const parts = [`default ${defaultOf(setting)}`, ...(setting.unit ? [setting.unit] : [])];
  return [parts.join(', '), ...(allowed === '' ? [] : [allowed])].join('; ');
}

function defaultOf(setting: Setting): string {
  if (setting.defaultText !== undefined) return setting.defaultText;
  const absent = setting.schema.safeParse(undefined);
  if (!absent.success) return 'required';
  return absent.data === undefined ? 'none' : String(absent.data);
}
