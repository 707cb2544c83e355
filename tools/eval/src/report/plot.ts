import { policyTitle } from '../policies/policy-choice.js';
import { element, escaped } from './svg.js';
import type { Summary } from './summary.js';

const WIDTH = 860;
const HEIGHT = 520;
const LEFT = 70;
const TOP = 30;
const PLOT_WIDTH = 500;
const PLOT_HEIGHT = 420;
/** Distances of lines, and the most steps that a picture has. */
const STEPS = [0.1, 0.2, 0.5, 1, 2, 5];
const MOST_STEPS = 8;
/** Told apart by most people with any colour vision (Okabe and Ito). */
const COLOURS = ['#000000', '#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9'];
const RADIUS = 5;

interface Scale {
  readonly from: number;
  readonly to: number;
  readonly step: number;
}

/** A picture of what policies cost and save: accuracy over the share of dense's time that was saved. One mark a policy, KV type and length. */
export function plotOf(summaries: readonly Summary[]): string {
  const x = scaleOf(summaries.map(({ time_saved }) => time_saved));
  const y: Scale = { from: 0, to: 1, step: 0.2 };
  const policies = [...new Set(summaries.map(titleOf))];
  const kvTypes = [...new Set(summaries.map(({ kv }) => kv))];
  const marks = summaries.map((each) => {
    const style = { colour: colourOf(policies.indexOf(titleOf(each))), shape: kvTypes.indexOf(each.kv) };
    const [cx, cy] = [LEFT + share(each.time_saved, x) * PLOT_WIDTH, TOP + (1 - share(each.accuracy, y)) * PLOT_HEIGHT];
    const hint = `${titleOf(each)}, ${each.kv}, ${each.length} tokens: accuracy ${percent(each.accuracy)}, time saved ${percent(each.time_saved)}`;
    const label = text(cx + 8, cy - 6, lengthName(each.length), { 'font-size': 11, fill: style.colour });
    return element('g', {}, element('title', {}, escaped(hint)), mark(cx, cy, style), label);
  });
  return element(
    'svg',
    {
      ...{ xmlns: 'http://www.w3.org/2000/svg', width: WIDTH, height: HEIGHT, viewBox: `0 0 ${WIDTH} ${HEIGHT}` },
      ...{ 'font-family': 'sans-serif', 'font-size': 13 },
    },
    element('rect', { width: WIDTH, height: HEIGHT, fill: '#ffffff' }),
    axes(x, y),
    ...marks,
    legend(policies, kvTypes),
  );
}

const titleOf = ({ policy, dense_below }: Summary): string => policyTitle({ name: policy, denseBelow: dense_below });
const percent = (value: number): string => `${(value * 100).toFixed(1)} %`;
const colourOf = (index: number): string => COLOURS[index % COLOURS.length] ?? '#000000';
const share = (value: number, { from, to }: Scale): number => (value - from) / (to - from);
const lengthName = (length: number): string => (length % 1024 === 0 ? `${length / 1024}K` : String(length));

/** Whole steps around all values; dense's 0 is always there. */
function scaleOf(values: readonly number[]): Scale {
  const [least, most] = [Math.min(0, ...values), Math.max(0.1, ...values)];
  const step = STEPS.find((each) => Math.ceil(most / each) - Math.floor(least / each) <= MOST_STEPS) ?? most - least;
  return { from: Math.floor(least / step) * step, to: Math.ceil(most / step) * step, step };
}

function ticksOf({ from, to, step }: Scale): number[] {
  return Array.from({ length: Math.round((to - from) / step) + 1 }, (_, i) => from + i * step);
}

function axes(x: Scale, y: Scale): string {
  const grid = { stroke: '#dddddd' };
  const columns = ticksOf(x).map((value) => {
    const at = LEFT + share(value, x) * PLOT_WIDTH;
    const line = element('line', { x1: at, y1: TOP, x2: at, y2: TOP + PLOT_HEIGHT, ...grid });
    return line + text(at, TOP + PLOT_HEIGHT + 18, tick(value), { 'text-anchor': 'middle' });
  });
  const rows = ticksOf(y).map((value) => {
    const at = TOP + (1 - share(value, y)) * PLOT_HEIGHT;
    const line = element('line', { x1: LEFT, y1: at, x2: LEFT + PLOT_WIDTH, y2: at, ...grid });
    return line + text(LEFT - 8, at + 4, tick(value), { 'text-anchor': 'end' });
  });
  const middle = { 'text-anchor': 'middle' };
  return element(
    'g',
    {},
    ...columns,
    ...rows,
    text(LEFT + PLOT_WIDTH / 2, HEIGHT - 20, "Share of dense's time saved, %", middle),
    text(0, 0, 'Accuracy, %', { ...middle, transform: `translate(20 ${TOP + PLOT_HEIGHT / 2}) rotate(-90)` }),
  );
}

const tick = (value: number): string => String(Math.round(value * 100));

function mark(cx: number, cy: number, { colour, shape }: { colour: string; shape: number }): string {
  if (shape === 0) return element('circle', { cx, cy, r: RADIUS, fill: colour });
  if (shape === 1)
    return element('rect', { x: cx - RADIUS, y: cy - RADIUS, width: 2 * RADIUS, height: 2 * RADIUS, fill: colour });
  const points = `${cx},${cy - RADIUS} ${cx + RADIUS},${cy + RADIUS} ${cx - RADIUS},${cy + RADIUS}`;
  return element('polygon', { points, fill: colour });
}

function legend(policies: readonly string[], kvTypes: readonly string[]): string {
  const left = LEFT + PLOT_WIDTH + 30;
  const line = (row: number): number => TOP + 10 + row * 22;
  const named = policies.map((name, i) =>
    [mark(left, line(i), { colour: colourOf(i), shape: 0 }), text(left + 14, line(i) + 4, name)].join(''),
  );
  const kinds = kvTypes.map((kv, i) => {
    const at = line(policies.length + 1 + i);
    return [mark(left, at, { colour: '#888888', shape: i }), text(left + 14, at + 4, `KV ${kv}`)].join('');
  });
  return element('g', {}, ...named, ...kinds);
}

function text(x: number, y: number, content: string, more: Readonly<Record<string, string | number>> = {}): string {
  return element('text', { x, y, ...more }, escaped(content));
}
