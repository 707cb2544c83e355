import { kvErrors } from '../errors.js';
import type { BlockSection } from './block-header.js';
import { SECTION_ALIGNMENT } from './constants.js';

/** Every section lies aligned between head and end of the object, and no two share a byte. */
export function checkSectionBounds(sections: readonly BlockSection[], headBytes: number, objectBytes: number): void {
  for (const { index, offset, storedBytes } of sections) {
    if (offset < headBytes || offset > objectBytes || storedBytes > objectBytes - offset) {
      throw kvErrors.corrupt('section_bounds', `Section ${index} is not within the object.`, { section: index });
    }
    if (offset % SECTION_ALIGNMENT !== 0) {
      throw kvErrors.corrupt('section_alignment', `Section ${index} does not start at a multiple of 4096.`, {
        section: index,
      });
    }
  }
  const order = sections.filter((section) => section.storedBytes > 0).sort((a, b) => a.offset - b.offset);
  let end = headBytes;
  for (const { index, offset, storedBytes } of order) {
    if (offset < end) {
      throw kvErrors.corrupt('section_overlap', `Section ${index} overlaps another.`, { section: index });
    }
    end = offset + storedBytes;
  }
}
