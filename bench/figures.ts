/** Of an odd number of values it is one of them; of an even number the upper of the two in the middle. */
export const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;

/** What was measured several times, in ms, in the order in which it was measured. */
export interface Figure {
  readonly name: string;
  readonly values: readonly number[];
}

/** Gathers figures by name, in the order in which they first came. */
export function openFigures() {
  const all = new Map<string, number[]>();
  return {
    add(name: string, ms: number): void {
      all.set(name, [...(all.get(name) ?? []), Math.round(ms)]);
    },
    list: (): readonly Figure[] => [...all].map(([name, values]) => ({ name, values })),
  };
}
export type Figures = ReturnType<typeof openFigures>;

/** Heading and rows for `table`: each figure's median and maximum, and how many times the floor's median its own is. */
export function rowsOf(what: string, figures: readonly Figure[], floor: string): readonly (readonly string[])[] {
  const floorMs = median(figures.find(({ name }) => name === floor)?.values ?? []);
  const right = (text: string): string => text.padStart(CELL);
  return [
    [what, ...["median", "max", "of floor"].map(right), "rounds"],
    ...figures.map(({ name, values }) => [
      name,
      right(`${median(values)} ms`),
      right(`${Math.max(...values)} ms`),
      right(`${(median(values) / floorMs).toFixed(1)}x`),
      String(values.length),
    ]),
  ];
}

/** The longest of them is a minute or two in ms. */
const CELL = 9;
