import type { Trace } from "./trace.ts";

interface Line {
  readonly label: string;
  readonly colour: string;
  /** Nodes at each minute. */
  readonly nodes: readonly number[];
}

export interface Panel {
  readonly trace: Trace;
  readonly nodeCapacity: number;
  readonly lines: readonly Line[];
}

const [WIDTH, HEIGHT, LEFT, TOP, GAP] = [960, 200, 44, 26, 46];
/** Points of a line: more than there are pixels show nothing more. */
const POINTS = 900;
const TICKS = 4;

/** Demand as an area, and the capacity that each policy had in service as lines, in nodes. */
export function chart(panels: readonly Panel[]): string {
  const height = panels.length * (HEIGHT + GAP) + TOP;
  const body = panels.map((panel, index) => panelSvg(panel, TOP + index * (HEIGHT + GAP))).join("\n");
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="sans-serif" font-size="11">
<rect width="${WIDTH}" height="${height}" fill="#ffffff"/>
${body}
</svg>
`;
}

function panelSvg({ trace, nodeCapacity, lines }: Panel, top: number): string {
  const demand = trace.requests.map((requests) => requests / nodeCapacity);
  const highest = Math.max(1, ...[demand, ...lines.map(({ nodes }) => nodes)].flatMap((values) => thinned(values)));
  const count = trace.requests.length;
  const x = (minute: number): string => (LEFT + ((WIDTH - LEFT - 10) * minute) / count).toFixed(1);
  const y = (nodes: number): string => (top + HEIGHT - (HEIGHT * nodes) / highest).toFixed(1);
  const path = (values: readonly number[]): string =>
    thinned(values)
      .map((value, index) => `${x((index * count) / Math.min(POINTS, count))},${y(value)}`)
      .join(" ");
  const grid = Array.from({ length: TICKS + 1 }, (_, tick) => {
    const nodes = Math.round((highest * tick) / TICKS);
    return `<line x1="${LEFT}" x2="${WIDTH - 10}" y1="${y(nodes)}" y2="${y(nodes)}" stroke="#e4e4e4"/><text x="${LEFT - 6}" y="${Number(y(nodes)) + 4}" text-anchor="end" fill="#555555">${nodes}</text>`;
  });
  const legend = lines.map(
    ({ label, colour }, index) =>
      `<text x="${LEFT + 330 + index * 150}" y="${top - 8}" fill="${colour}">&#9644; ${label}</text>`,
  );
  return [
    ...grid,
    `<text x="${LEFT}" y="${top - 8}" fill="#222222">${trace.name}: nodes in service, demand in grey</text>`,
    ...legend,
    `<polygon points="${x(0)},${y(0)} ${path(demand)} ${x(count)},${y(0)}" fill="#cfd4da"/>`,
    ...lines.map(
      ({ nodes, colour }) => `<polyline points="${path(nodes)}" fill="none" stroke="${colour}" stroke-width="1.1"/>`,
    ),
  ].join("\n");
}

/** The highest of each pixel's minutes, so that no peak is lost. */
function thinned(values: readonly number[]): number[] {
  const points = Math.min(POINTS, values.length);
  return Array.from({ length: points }, (_, index) => {
    const from = Math.floor((index * values.length) / points);
    const to = Math.max(from + 1, Math.floor(((index + 1) * values.length) / points));
    return values.slice(from, to).reduce((a, b) => Math.max(a, b), 0);
  });
}
