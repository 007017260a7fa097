import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { inject } from "../local/cli/fault.ts";
import { liveFarm } from "../local/cli/target.ts";
import { CliError, exitDone, exitUsage, printJson, printLine, printNote, table } from "../local/cli/output.ts";
import { connectAs } from "../local/farm/database/connect.ts";
import { startWriterProbe, type ProbeReport } from "../local/farm/database/writer-probe.ts";
import type { Writes } from "../local/farm/database/writes.ts";
import { account } from "../test/farm/database-faults.ts";
import { eventually, farmJson, journal, startFarm, stopFarm, tandem } from "../test/farm/farm.ts";
import { accountOn, at, load, peerOf, whole, writerOf, WRITES_PER_SECOND, type Node } from "../test/farm/pair.ts";
import { STOP_CUT_OFF_MS } from "../local/cloud/services/ec2/instance.ts";
import { detection, DETECTION_FLOOR, NOT_INJECTED } from "./detection.ts";
import { openFigures, rowsOf, type Figures } from "./figures.ts";

/**
 * How long the pair of databases needs to heal, on a farm of its own, under the write load whose every acknowledgement is
 * accounted for. A failover is measured on a fresh farm, because a second one within ten minutes is for a person.
 */
const PARTS = ["pair", "cut-off", "detection"] as const;

const FLAVOURS = ["mysql", "mariadb"] as const;
const ROUNDS_DEFAULT = "5";
const ROUNDS_MAX = 50;

const USAGE = `usage: npm run bench -- healing [--flavour ${FLAVOURS.join("|")}] [--rounds ${ROUNDS_DEFAULT}] [--only ${PARTS.join("|")}] [--json]`;

/** Writes flow this long before and after whatever is measured. */
const FLOW_MS = 1_500;
/** An acknowledgement this long after a fault does not come from before it. */
const BROKEN_MS_MIN = 200;
/** Silence, a proof that does not come, a declared stop, and what follows. */
const RESUMED_SECONDS_MAX = 120;
/** What the floor needs: the balancers have seen that the writer is closed. */
const CLOSED_MS = 1_000;
const CONNECT_MS = 5_000;

const FLOOR = "floor: writer opened by hand -> first write";

/** What is measured, and what must not be: each is a reason to exit with 1. */
interface Bench {
  readonly flavour: (typeof FLAVOURS)[number];
  readonly rounds: number;
  readonly figures: Figures;
  readonly detected: Figures;
  readonly wrong: string[];
  acknowledged: number;
}

/** Prints the figures of one flavour. True: no acknowledged write was lost or doubled, and two writers were never seen. */
export async function healing(args: readonly string[]): Promise<boolean> {
  const { flavour, rounds, only, json } = optionsOf(args);
  const running = liveFarm();
  if (running !== undefined)
    throw new CliError(
      `a local farm runs here (pid ${running.pid}), and this starts farms of its own, without its data. Stop it with \`npm run local:stop\``,
    );
  endWithFarm();
  const bench: Bench = {
    ...{ flavour, rounds, figures: openFigures(), detected: openFigures() },
    ...{ wrong: [], acknowledged: 0 },
  };
  try {
    for (let round = 1; round <= rounds; round++) {
      printNote(`round ${round} of ${rounds}`);
      if (only === undefined || only === "pair") await pairRound(bench);
      if (only === undefined || only === "cut-off") await cutOffRound(bench);
    }
    if (only === undefined || only === "detection") {
      await freshFarm(bench);
      await floor(bench);
      bench.wrong.push(...(await detection(bench.detected, rounds)));
    }
  } finally {
    await stopFarm();
  }
  report(bench, json);
  return bench.wrong.length === 0;
}

/** A farm runs on its own: whoever ends the bench ends the bench's farm, too. */
function endWithFarm(): void {
  for (const signal of ["SIGINT", "SIGTERM"] as const)
    process.once(signal, () => {
      printNote("ends the farm ...");
      void stopFarm().finally(() => process.exit(EXIT_INTERRUPTED));
    });
}
const EXIT_INTERRUPTED = 130;

const isOneOf = <T extends string>(all: readonly T[], given: string): given is T => all.some((one) => one === given);

function optionsOf(args: readonly string[]) {
  const text = { type: "string" } as const;
  const flag = { type: "boolean" } as const;
  const options = { flavour: text, rounds: text, only: text, json: flag, help: flag } as const;
  const {
    flavour = "mysql",
    rounds = ROUNDS_DEFAULT,
    only,
    json = false,
    help = false,
  } = parsed(() => parseArgs({ args: [...args], options }).values);
  if (help) throw new CliError(USAGE, exitDone);
  const count = Number(rounds);
  const isRight = isOneOf(FLAVOURS, flavour) && Number.isInteger(count) && count >= 1 && count <= ROUNDS_MAX;
  if (!isRight || (only !== undefined && !isOneOf(PARTS, only))) throw new CliError(USAGE, exitUsage);
  return { flavour, rounds: count, only, json };
}

function parsed<T>(parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    throw new CliError(`${error instanceof Error ? error.message : String(error)}\n${USAGE}`, exitUsage);
  }
}

async function freshFarm({ flavour }: Bench): Promise<void> {
  await stopFarm();
  await startFarm("--web", "1", "--fresh", "--flavour", flavour);
  await whole();
}

/** All that one farm can show: the failover is the last, because it takes the peer away. */
async function pairRound(bench: Bench): Promise<void> {
  await freshFarm(bench);
  await floor(bench);
  await switchover(bench);
  await peerKilled(bench);
  await writerKilled(bench);
}

async function cutOffRound(bench: Bench): Promise<void> {
  await freshFarm(bench);
  await floor(bench);
  await writerCutOff(bench);
}

/** Every figure of writers: the load flows, `act` is done, and every acknowledged write is looked for on `writer` afterwards. */
async function underLoad(bench: Bench, act: (writes: Writes) => Promise<Node>) {
  const writes = await load();
  await sleep(FLOW_MS);
  const writer = await act(writes);
  await sleep(FLOW_MS);
  const seen = await writes.stop();
  const { lost, doubled } = await accountOn(writer, seen);
  bench.acknowledged += seen.acknowledged.length;
  if (lost.length > 0) bench.wrong.push(`${lost.length} acknowledged writes are lost`);
  if (doubled.length > 0) bench.wrong.push(`${doubled.length} writes are doubled`);
  return seen;
}

const resumed = async (writes: Writes, sinceMs: number): Promise<unknown> =>
  eventually(
    "an acknowledged write",
    RESUMED_SECONDS_MAX,
    () => Promise.resolve(writes.lastAckAt()),
    (last) => last > sinceMs + BROKEN_MS_MIN,
    FLOW_MS / 30,
  );

/**
 * The floor of whatever moves or opens a writer: from the moment at which SQL has opened a closed writer, what the
 * balancers' checks and the applications' new sessions need. No controller has any part in it.
 */
async function floor(bench: Bench): Promise<void> {
  const writer = await writerOf();
  const admin = await connectAs(at(writer), await account("admin"), CONNECT_MS);
  await ordered("freeze", "database", "--for", "1m");
  let openedAt = 0;
  const { longestPause } = await underLoad(bench, async (writes) => {
    await admin.query(`SET GLOBAL ${bench.flavour === "mysql" ? "super_read_only" : "read_only"} = ON`);
    await sleep(CLOSED_MS);
    await admin.query("SET GLOBAL read_only = OFF");
    openedAt = performance.now();
    await resumed(writes, openedAt - BROKEN_MS_MIN);
    return writer;
  });
  admin.destroy();
  await ordered("thaw", "database");
  await whole();
  bench.figures.add(FLOOR, longestPause.to - openedAt);
}

async function ordered(...words: string[]): Promise<void> {
  const { code, stderr } = await tandem(...words);
  if (code !== 0) throw new Error(`tandem ${words.join(" ")} exited with ${code}: ${stderr}`);
}

async function switchover(bench: Bench): Promise<void> {
  const to = peerOf(await writerOf());
  const { longestPauseMs } = await underLoad(bench, async () => {
    await ordered("switchover", "--to", to);
    return to;
  });
  bench.figures.add("switchover: writers' pause", longestPauseMs);
  await whole();
}

async function peerKilled(bench: Bench): Promise<void> {
  const writer = await writerOf();
  let brokenAt = 0;
  const { longestPause } = await underLoad(bench, async (writes) => {
    brokenAt = performance.now();
    await inject(farmJson(), { kind: "mysql-kill", node: peerOf(writer) });
    await resumed(writes, brokenAt);
    return writer;
  });
  bench.figures.add("peer killed: writers' stall", longestPause.to - brokenAt);
  await inject(farmJson(), { kind: "heal" });
  await whole();
}

const writerKilled = (bench: Bench): Promise<void> =>
  failover(bench, "writer killed", (writer) => ({ kind: "mysql-kill", node: writer }));

async function writerCutOff(bench: Bench): Promise<void> {
  await failover(bench, "host cut off", (writer) => ({ kind: "partition", from: "all", to: writer }));
  bench.figures.add("host cut off: of that, the declared stop", STOP_CUT_OFF_MS);
}

/** From the order to break it to the first write elsewhere, with the steps between as the journal dates them. */
async function failover(bench: Bench, what: string, order: (writer: Node) => Record<string, unknown>): Promise<void> {
  const writer = await writerOf();
  const peer = peerOf(writer);
  const servers = [writer, peer].map((name) => ({ name, at: at(name) }));
  const probe = await startWriterProbe(at(writer), servers, await account("app"));
  let brokenAt = 0;
  const { longestPause } = await underLoad(bench, async (writes) => {
    brokenAt = performance.now();
    await inject(farmJson(), order(writer));
    await resumed(writes, brokenAt);
    return peer;
  });
  const seen = await probe.stop();
  if (seen.twoWriters.length > 0 || seen.bothCommitted.length > 0) bench.wrong.push(`${what}: two writers were seen`);
  await steps(bench, what, performance.timeOrigin + brokenAt);
  bench.figures.add(`${what}: other server writable`, openedAt(seen, peer) - brokenAt);
  bench.figures.add(`${what}: first write through the web node`, longestPause.to - brokenAt);
}

/** When the server first accepted a write. */
const openedAt = ({ servers }: ProbeReport, node: Node): number =>
  servers.find(({ name }) => name === node)?.attempts.find(({ outcome }) => outcome === "accepted")?.endedAt ??
  Number.NaN;

async function steps({ figures }: Bench, what: string, brokenAt: number): Promise<void> {
  const lines = await journal("5m");
  const find = (name: string, isMeant: (line: (typeof lines)[number]) => boolean): void => {
    const line = lines.find((one) => Date.parse(one.at) >= brokenAt && isMeant(one));
    figures.add(`${what}: ${name}`, line === undefined ? Number.NaN : Date.parse(line.at) - brokenAt);
  };
  find("death detected", ({ phase, problem }) => phase === "detected" && problem === "writer-dead");
  find("fence begun", ({ phase, action }) => phase === "planned" && action === "fence");
  find("fence proven", ({ phase, action }) => phase === "applied" && action === "fence");
  find("promotion begun", ({ phase, action }) => phase === "planned" && action === "promote");
}

function report({ flavour, rounds, figures, detected, wrong, acknowledged }: Bench, json: boolean): void {
  const [times, codes] = [figures.list(), detected.list()];
  if (json) {
    const told = { flavour, rounds, acknowledged, figures: times, detected: codes, notInjected: NOT_INJECTED, wrong };
    return printJson(told);
  }
  printLine(`${flavour}, ${WRITES_PER_SECOND} writes/s; ${acknowledged} acknowledged writes accounted for`);
  printLine(table(rowsOf("what", times, FLOOR)));
  if (codes.length > 0) {
    printLine(`\n${table(rowsOf("problem code, `npx tandem fault ...` before it", codes, DETECTION_FLOOR))}`);
    printLine(`\nnot to be injected:\n${table(NOT_INJECTED.map(({ code, why }) => [code, why]))}`);
  }
  printLine(wrong.length === 0 ? "\nnone lost, none doubled, never two writers" : `\n${wrong.join("\n")}`);
}
