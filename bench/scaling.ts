import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { parseArgs } from "node:util";
import { chart, type Panel } from "./scaling/chart.ts";
import { optimum } from "./scaling/optimum.ts";
import { productDefaults } from "./scaling/product.ts";
import { generatedTraces } from "./scaling/shapes.ts";
import { tandem } from "./scaling/tandem.ts";
import { targetTracking } from "./scaling/target-tracking.ts";
import { replay, type PolicyResult, type Terms } from "./scaling/tier.ts";
import { parseTrace, peakOf, slicesOf, type Trace } from "./scaling/trace.ts";

const ROOT = join(import.meta.dirname, "..");
const CHART = join(ROOT, ".tandem/bench/scaling.svg");

/** The peak of a trace is served by this many nodes, unless the capacity of a node is given. */
const PEAK_NODES = 40;
/** An ordinary launch and one from a warm pool at AWS (docs/adr/0010). */
const BOOT_MS = 240_000;
const POOL_BOOT_MS = 45_000;
const MIN_NODES = 2;
/** Beyond what any policy wants, so that no policy is judged by a limit. */
const MAX_NODES = 200;
/** Every policy begins with what leaves the first minute so busy. */
const START_SHARE = 0.6;

/** What Tandem promises beside target tracking at 60 % (docs/adr/0010). */
const NODE_SHARE_MAX = 0.8;
const ACTIONS_PER_HOUR_MAX = 6;
const CALM = "calm-week";

type Name = "tandem" | "tt50" | "tt60" | "optimum";
type Figures = Pick<PolicyResult, "violationMinutes" | "unservedRatio" | "nodeMinutes" | "overOptimum" | "actions">;

interface Outcome {
  readonly trace: Trace;
  readonly terms: Terms;
  readonly policies: Readonly<Record<Name, PolicyResult>>;
}

const NAMES: readonly Name[] = ["tandem", "tt60", "tt50", "optimum"];

/**
 * Replays traces of `minute,requests` through Tandem's own plan, through AWS target tracking and through an optimum that
 * knows the future. True: on the generated traces Tandem keeps what it promises. A trace that is given is only measured.
 */
export async function scaling(args: readonly string[]): Promise<boolean> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      trace: { type: "string" },
      json: { type: "boolean", default: false },
      svg: { type: "string", default: CHART },
      "node-capacity": { type: "string" },
      pool: { type: "string" },
    },
  });
  const traces =
    values.trace === undefined
      ? generatedTraces()
      : [parseTrace(basename(values.trace, ".csv"), readFileSync(values.trace, "utf8"))];
  const product = productDefaults();
  const pool = positive("--pool", values.pool) ?? product.warmPoolMin;
  const outcomes = traces.map((trace) => outcomeOf(trace, positive("--node-capacity", values["node-capacity"]), pool));
  mkdirSync(dirname(values.svg), { recursive: true });
  writeFileSync(values.svg, chart(outcomes.map(panelOf)));
  if (values.json) {
    const answers = outcomes.map(jsonOf);
    console.log(JSON.stringify(values.trace === undefined ? answers : answers[0], undefined, 2));
  } else report(outcomes, values.svg);
  const faults = values.trace === undefined ? outcomes.flatMap(faultsOf) : [];
  for (const fault of faults) console.error(fault);
  return faults.length === 0;
}

function positive(option: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const number = Number(text);
  if (text !== "" && number >= 0 && Number.isFinite(number)) return number;
  throw new Error(`${option} is ${text}, allowed is a number that is not negative`);
}

function outcomeOf(trace: Trace, capacity: number | undefined, pool: number): Outcome {
  const product = productDefaults();
  const nodeCapacity = capacity ?? peakOf(trace) / PEAK_NODES;
  if (!(nodeCapacity > 0)) throw new Error(`${trace.name}: no request in it, so a node's capacity must be given`);
  const terms = { nodeCapacity, bootMs: BOOT_MS, poolBootMs: POOL_BOOT_MS, pool, min: MIN_NODES, max: MAX_NODES };
  const slices = slicesOf(trace);
  const start = Math.ceil((trace.requests[0] ?? 0) / nodeCapacity / START_SHARE);
  const played = {
    tandem: replay(slices, trace.startsAt, terms, tandem(product), start),
    tt50: replay(slices, trace.startsAt, terms, targetTracking(50), start),
    tt60: replay(slices, trace.startsAt, terms, targetTracking(60), start),
    optimum: optimum(slices, terms),
  };
  const best = played.optimum.nodeMinutes;
  const over = (result: PolicyResult): PolicyResult => ({ ...result, overOptimum: result.nodeMinutes / best - 1 });
  const { tandem: ours, tt50, tt60, optimum: least } = played;
  return { trace, terms, policies: { tandem: over(ours), tt50: over(tt50), tt60: over(tt60), optimum: over(least) } };
}

function faultsOf({ trace, policies: { tandem: ours, tt60 } }: Outcome): string[] {
  const perHour = (ours.actions * 60) / trace.requests.length;
  return [
    ...(ours.unservedRatio > tt60.unservedRatio ? [`${trace.name}: more is unserved than by target tracking`] : []),
    ...(ours.nodeMinutes > NODE_SHARE_MAX * tt60.nodeMinutes
      ? [`${trace.name}: over ${NODE_SHARE_MAX} of target tracking's node-minutes`]
      : []),
    ...(trace.name === CALM && perHour >= ACTIONS_PER_HOUR_MAX
      ? [`${trace.name}: ${perHour.toFixed(1)} actions an hour on calm days`]
      : []),
  ];
}

const figuresOf = ({ violationMinutes, unservedRatio, nodeMinutes, overOptimum, actions }: PolicyResult): Figures => ({
  violationMinutes,
  unservedRatio,
  nodeMinutes,
  overOptimum,
  actions,
});

const jsonOf = ({ trace, policies }: Outcome) => ({
  trace: trace.name,
  policies: {
    tandem: figuresOf(policies.tandem),
    tt50: figuresOf(policies.tt50),
    tt60: figuresOf(policies.tt60),
    optimum: figuresOf(policies.optimum),
  },
});

const panelOf = ({ trace, terms, policies }: Outcome): Panel => ({
  trace,
  nodeCapacity: terms.nodeCapacity,
  lines: [
    { label: "target tracking 60 %", colour: "#d97706", nodes: policies.tt60.capacity },
    { label: "Tandem", colour: "#2563eb", nodes: policies.tandem.capacity },
    { label: "optimum", colour: "#16a34a", nodes: policies.optimum.capacity },
  ],
});

function report(outcomes: readonly Outcome[], svg: string): void {
  for (const { trace, terms, policies } of outcomes) {
    const pool = terms.pool > 0 ? `, a pool of ${terms.pool} that boot in ${terms.poolBootMs / 1000} s` : "";
    console.log(
      `${trace.name}: ${trace.requests.length} minutes, a node serves ${terms.nodeCapacity.toFixed(1)} requests a minute and boots in ${terms.bootMs / 1000} s${pool}`,
    );
    console.log(
      "policy     violation minutes   unserved   node-minutes   over optimum   of tt60   actions   actions an hour",
    );
    for (const name of NAMES) {
      const { violationMinutes, unservedRatio, nodeMinutes, overOptimum, actions } = policies[name];
      console.log(
        [
          name.padEnd(9),
          String(violationMinutes).padStart(19),
          `${(unservedRatio * 100).toFixed(4)}%`.padStart(10),
          nodeMinutes.toFixed(0).padStart(14),
          `${(overOptimum * 100).toFixed(1)}%`.padStart(14),
          (nodeMinutes / policies.tt60.nodeMinutes).toFixed(3).padStart(9),
          String(actions).padStart(9),
          ((actions * 60) / trace.requests.length).toFixed(1).padStart(17),
        ].join(" "),
      );
    }
    console.log("");
  }
  console.log(`demand and capacities: ${svg}`);
}
