/** One answer that is measured with and without drafts. */
export interface DraftCase {
  name: string;
  prompt: string;
  maxTokens: number;
  temperature: number;
}

const ROWS = 24;
const NAMES = ['apples', 'pears', 'plums', 'cherries', 'walnuts', 'figs', 'dates', 'quinces'];
const PEOPLE = ['Maria', 'Jonas', 'Aylin', 'Petra', 'Olu'];

/** A list, and its beginning once more: the answer goes on copying. */
function copying(): DraftCase {
  const lines = Array.from({ length: ROWS }, (_, i) => {
    const [name, person] = [NAMES[(i * 5) % NAMES.length], PEOPLE[(i * 3) % PEOPLE.length]];
    return `Item ${i + 1}: ${name}, ${7 * (i + 2)} crates, shelf ${(i * 5) % 9}, checked by ${person}.`;
  });
  const prompt = `Inventory:\n${lines.join('\n')}\n\nThe same inventory again:\n${lines[0]}\n`;
  return { name: 'copying a list', prompt, maxTokens: 256, temperature: 0 };
}

/** Nothing to copy, and drawn with noise so that it does not repeat itself: what drafting costs where it is of no use. */
const ownWords: DraftCase = {
  name: 'own words',
  prompt: 'A letter from a sailor to his sister, about the harbours he has seen this year:\n\nDear sister,\n',
  maxTokens: 128,
  temperature: 1,
};

export const DRAFT_CASES: readonly DraftCase[] = [copying(), ownWords];
