import { invalidArgument } from '@longhaul/kernel';

const MAX_SHOWN = 200;

/**
 * The root of a server, from what users copy: with or without a scheme, a slash at the end, or the `/v1` that OpenAI's
 * clients want.
 *
 * @throws AppError `INVALID_ARGUMENT` for what is no address of a server.
 */
export function serverRoot(text: string): string {
  const url = parsed(/^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `http://${text}`);
  if (url === null || !['http:', 'https:'].includes(url.protocol) || url.search !== '' || url.hash !== '')
    throw invalidArgument('--url', `--url: '${text.slice(0, MAX_SHOWN)}' is no address such as http://127.0.0.1:8000.`);
  url.pathname = url.pathname.replace(/\/+$/, '').replace(/(\/v1)?(\/(models|completions|chat\/completions))?$/, '');
  return url.href.replace(/\/+$/, '');
}

function parsed(text: string): URL | null {
  return URL.canParse(text) ? new URL(text) : null;
}
