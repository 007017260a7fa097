import { parseArgs } from "node:util";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { median } from "./figures.ts";
import { openGrownFarm, type GrownFarm } from "./growth/farm.ts";

const SIZES: readonly number[] = [10, 100, 1_000, 10_000];
/** Odd, so that the median is a measurement. One more pass goes before them: it makes the items of the state table. */
const PASSES = 5;
/** Instances in the largest page of DescribeInstances, the largest that any call of a pass knows. */
const PAGE = 1_000;
/** Promised of the largest farm (docs/SCALE.md). */
const DECIDE_SECONDS_MAX = 1;

/** One size of the farm. Seconds and bytes have the embedded cloud's own work in them, which answers in the same process. */
export interface Row {
  readonly nodes: number;
  /** A pass of the minute clock, calls included; median. */
  readonly seconds: number;
  /** What the pass had allocated on the heap at most, garbage included. */
  readonly heapBytes: number;
  readonly calls: number;
  readonly callsByOperation: Readonly<Record<string, number>>;
  /** Of the pass, the deciding alone, everything being observed; median. */
  readonly decideSeconds: number;
}

/**
 * A pass of the minute clock over farms of growing size, in which every node is healthy. True: the calls grow with pages and
 * not with nodes, and the largest farm is decided on in time.
 */
export async function growth(args: readonly string[]): Promise<boolean> {
  const { values } = parseArgs({ args: [...args], options: { json: { type: "boolean", default: false } } });
  const rows: Row[] = [];
  await measured(SIZES[0] ?? 1); // loads and warms the code, which is nobody's growth
  for (const nodes of SIZES) rows.push(await measured(nodes));
  if (values.json) console.log(JSON.stringify(rows, undefined, 2));
  else report(rows);
  const faults = faultsOf(rows);
  for (const fault of faults) console.error(fault);
  return faults.length === 0;
}

async function measured(nodes: number): Promise<Row> {
  const farm = await openGrownFarm(nodes);
  try {
    const { calls } = await farm.pass();
    const passes: { readonly seconds: number; readonly heapBytes: number }[] = [];
    for (let pass = 0; pass < PASSES; pass++) passes.push(await timed(farm));
    return {
      nodes,
      seconds: median(passes.map(({ seconds }) => seconds)),
      heapBytes: median(passes.map(({ heapBytes }) => heapBytes)),
      calls: calls.length,
      callsByOperation: Object.fromEntries(
        [...Map.groupBy(calls, ({ operation }) => operation)].map(([operation, own]) => [operation, own.length]),
      ),
      decideSeconds: await decided(farm),
    };
  } finally {
    await farm.close();
  }
}

async function timed(farm: GrownFarm): Promise<{ readonly seconds: number; readonly heapBytes: number }> {
  collectGarbage();
  const before = process.memoryUsage().heapUsed;
  let most = before;
  const startedAt = performance.now();
  await farm.pass(() => {
    most = Math.max(most, process.memoryUsage().heapUsed);
  });
  const seconds = (performance.now() - startedAt) / 1_000;
  return { seconds, heapBytes: Math.max(most, process.memoryUsage().heapUsed) - before };
}

async function decided(farm: GrownFarm): Promise<number> {
  const decide = await farm.observe();
  return median(
    Array.from({ length: PASSES }, () => {
      const startedAt = performance.now();
      decide();
      return (performance.now() - startedAt) / 1_000;
    }),
  );
}

/** A process without the flag has no name for it. */
function collectGarbage(): void {
  setFlagsFromString("--expose-gc");
  runInNewContext("gc")();
}

const pagesOf = (nodes: number): number => Math.ceil(nodes / PAGE);

/** What a run of the bench holds against its rows, smallest farm first; empty: nothing. */
export function faultsOf(rows: readonly Row[]): string[] {
  const [first] = rows;
  if (first === undefined) return ["nothing was measured"];
  return rows.flatMap((row) => {
    const allowed = first.calls + pagesOf(row.nodes) - pagesOf(first.nodes);
    return [
      ...(row.calls > allowed
        ? [
            `${row.nodes} nodes: ${row.calls} calls, and ${first.nodes} nodes took ${first.calls}: more than a page of ${PAGE} nodes each explains`,
          ]
        : []),
      ...(row.decideSeconds >= DECIDE_SECONDS_MAX
        ? [`${row.nodes} nodes: decided in ${row.decideSeconds.toFixed(3)} s, not in under ${DECIDE_SECONDS_MAX} s`]
        : []),
    ];
  });
}

const LINE = [8, 7, 7, 9, 10, 12, 11, 12, 9];

/** Ratios are to the smallest farm of the same run. */
function report(rows: readonly Row[]): void {
  const [first] = rows;
  if (first === undefined) return;
  const line = (...cells: readonly string[]): void =>
    console.log(cells.map((cell, index) => cell.padStart(LINE[index] ?? 0)).join(""));
  console.log(`one pass of the minute clock; ratios are to ${first.nodes} nodes of the same run`);
  line("nodes", "calls", "ratio", "seconds", "ratio", "each node", "decided", "each node", "heap");
  for (const row of rows) {
    const ofFirst = (of: (row: Row) => number): string => `${(of(row) / of(first)).toPrecision(2)}x`;
    line(
      String(row.nodes),
      String(row.calls),
      ofFirst(({ calls }) => calls),
      row.seconds.toFixed(3),
      ofFirst(({ seconds }) => seconds),
      ofFirst(({ seconds, nodes }) => seconds / nodes),
      `${(row.decideSeconds * 1_000).toFixed(2)} ms`,
      ofFirst(({ decideSeconds, nodes }) => decideSeconds / nodes),
      `${(row.heapBytes / 1_000_000).toFixed(0)} MB`,
    );
  }
  console.log(
    `calls at ${rows.at(-1)?.nodes}: ${Object.entries(rows.at(-1)?.callsByOperation ?? {})
      .map(([operation, count]) => `${operation} ${count}`)
      .join(", ")}`,
  );
}
