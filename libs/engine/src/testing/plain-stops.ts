import type { OpenStopMatcher } from '../ports.js';

/** Stop strings in their plainest form: looks at all text again after each character. */
export const plainStops: OpenStopMatcher = (strings, { includeStopString }) => {
  let text = '';
  let sent = 0;
  const send = (end: number): string => {
    const part = text.slice(sent, Math.max(sent, end));
    sent = Math.max(sent, end);
    return part;
  };
  return {
    push: (added) => {
      for (const character of added) {
        text += character;
        const found = strings.filter((string) => text.endsWith(string)).sort((a, b) => b.length - a.length)[0];
        if (found === undefined) continue;
        return { text: send(includeStopString ? text.length : text.length - found.length), stopped: found };
      }
      let held = 0;
      for (const string of strings) {
        for (let n = 1; n < string.length; n++) if (text.endsWith(string.slice(0, n))) held = Math.max(held, n);
      }
      return { text: send(text.length - held), stopped: null };
    },
    finish: () => send(text.length),
  };
};
