/**
 * Finds a key that occurs twice in one object of a JSON text; null where there is none.
 *
 * JSON.parse keeps the last of two equal keys, so a file could show one tensor to one reader and another to the next.
 *
 * @param json text that JSON.parse accepts. O(length), depth of nesting bounded by the text.
 */
export function findDuplicateKey(json: string): string | null {
  const open: (Set<string> | null)[] = [];
  for (let at = 0; at < json.length; at++) {
    switch (json.charCodeAt(at)) {
      case 0x7b: // {
        open.push(new Set());
        break;
      case 0x5b: // [
        open.push(null);
        break;
      case 0x7d: // }
      case 0x5d: // ]
        open.pop();
        break;
      case 0x22: {
        const end = endOfString(json, at);
        const keys = open.at(-1);
        if (keys && isKey(json, end)) {
          const key = JSON.parse(json.slice(at, end + 1)) as string;
          if (keys.has(key)) return key;
          keys.add(key);
        }
        at = end;
      }
    }
  }
  return null;
}

function endOfString(json: string, start: number): number {
  let at = start + 1;
  while (json.charCodeAt(at) !== 0x22) at += json.charCodeAt(at) === 0x5c ? 2 : 1;
  return at;
}

function isKey(json: string, endOfText: number): boolean {
  let at = endOfText + 1;
  while (' \t\n\r'.includes(json.charAt(at)) && at < json.length) at++;
  return json.charAt(at) === ':';
}
