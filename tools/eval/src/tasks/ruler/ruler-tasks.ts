import type { Task } from '../task.js';
import { commonWords } from './common-words.js';
import { frequentWords } from './frequent-words.js';
import { needleTasks } from './needles.js';
import { variableTracking } from './variable-tracking.js';

/** The eleven tasks of RULER that need no file; `questionAnswering` makes the other two. */
export const generatedRulerTasks: readonly Task[] = [...needleTasks, variableTracking, commonWords, frequentWords];
