import type { ProblemCode } from "../lib/database/problem.ts";
import { apiFault } from "../local/cli/cloud-fault.ts";
import { inject } from "../local/cli/fault.ts";
import { printNote } from "../local/cli/output.ts";
import { pairFault, type PairOptions } from "../local/cli/pair-fault.ts";
import { eventually, farmJson, journal } from "../test/farm/farm.ts";
import { peerOf, whole, writerOf, type Node } from "../test/farm/pair.ts";
import type { Figures } from "./figures.ts";

type Code = ProblemCode | "failover-refused" | "writer-incomplete";

interface Case {
  /** Done one after the other; time counts from the order of the last one. */
  readonly faults: readonly Fault[];
  /** It takes seconds to come about: time counts from when it is in force. */
  readonly isSlow?: true;
  readonly codes: readonly Code[];
}

interface Fault {
  /** Behind `npx tandem fault`. */
  readonly words: string;
  order(writer: Node): Record<string, unknown>;
}

/** `writer` and `peer` stand for the nodes. */
const pairWide = (words: string, options: PairOptions = {}): Fault => ({
  words: [words, ...Object.entries(options).map(([name, value]) => `--${name} ${value}`)].join(" "),
  order(writer) {
    const names: Readonly<Record<string, Node>> = { writer, peer: peerOf(writer) };
    const [kind = "", ...args] = words.split(" ").map((word) => names[word] ?? word);
    return pairFault(kind, args, options);
  },
});

const UNREADABLE = { service: "dynamodb", operation: "GetItem", rate: "1", for: "20s" } as const;

/** What the first look after the fault tells: other codes take longer where they need proof, or time to come about. */
export const DETECTION_FLOOR = "no-writer  read-only-both";

/** Each is undone by `tandem fault heal` and the controller, and none of them ends in a failover. */
const CASES: readonly Case[] = [
  { faults: [pairWide("read-only-both")], codes: ["no-writer"] },
  { faults: [pairWide("writable-both")], codes: ["two-writers"] },
  { faults: [pairWide("partition controller writer"), pairWide("writable-both")], codes: ["wrong-writer"] },
  { faults: [pairWide("partition controller writer")], codes: ["writer-unreachable"] },
  { faults: [pairWide("mysql-stop writer", { for: "3s" })], codes: ["writer-unreachable"] },
  { faults: [pairWide("connections writer")], isSlow: true, codes: ["writer-unreachable"] },
  { faults: [pairWide("partition controller peer")], codes: ["server-unreachable"] },
  { faults: [pairWide("connections peer")], isSlow: true, codes: ["server-unreadable"] },
  { faults: [pairWide("partition peer writer")], codes: ["semi-sync-stalled", "link-cut"] },
  { faults: [pairWide("mysql-kill peer")], codes: ["server-unreachable", "peer-dead", "peer-not-eligible"] },
  { faults: [pairWide("mysql-stop peer")], codes: ["server-unreachable", "peer-dead"] },
  { faults: [pairWide("mysql-restart peer")], isSlow: true, codes: ["receiver-stopped"] },
  { faults: [pairWide("applier-stop peer")], codes: ["applier-stopped"] },
  { faults: [pairWide("lag peer", { seconds: "30" })], codes: ["replication-lag"] },
  {
    faults: [pairWide("applier-stop peer"), pairWide("mysql-kill writer")],
    codes: ["writer-unreachable", "writer-dead", "failover-refused"],
  },
  {
    faults: [
      {
        words: "api throttle --service dynamodb --operation GetItem --rate 1 --for 20s",
        order: () => apiFault("throttle", UNREADABLE),
      },
    ],
    codes: ["pair-unreadable"],
  },
];

/** Only a person undoes them: once in a run, at its end, in this order. */
const LAST: readonly Case[] = [
  { faults: [pairWide("errant peer")], codes: ["errant-transactions"] },
  { faults: [pairWide("duplicate-row peer")], codes: ["duplicate-key"] },
  { faults: [pairWide("applier-stop writer"), pairWide("errant peer")], codes: ["quarantined"] },
];

export const NOT_INJECTED: readonly { readonly code: Code; readonly why: string }[] = [
  { code: "pair-not-provisioned", why: "only before the first deployment has ended" },
  { code: "pair-not-recorded", why: "the record would have to be deleted from the state table" },
  { code: "replication-not-configured", why: "a channel would have to be reset by SQL" },
  { code: "writer-incomplete", why: "the writer would have to come back with another volume" },
  { code: "receiver-denied", why: "the account of replication would have to be changed" },
  { code: "source-purged", why: "binary logs would have to be purged that the peer lacks" },
  { code: "row-missing", why: "a row would have to be deleted on the peer alone" },
  { code: "relay-log-corrupt", why: "a file of the peer would have to be damaged" },
  { code: "applier-failed", why: "any other error of an applier" },
  { code: "semi-sync-off", why: "told of a peer that is back, not of what took it away" },
  { code: "lag-unknown", why: "the heartbeat's table or account would have to be taken away" },
];

const DETECTED_SECONDS_MAX = 60;
const POLL_MS = 1_000;

/** Adds the time until each code was in the journal. Resolves to the codes that never came, in words. */
export async function detection(figures: Figures, rounds: number): Promise<readonly string[]> {
  const missing: string[] = [];
  for (let round = 1; round <= rounds; round++)
    for (const each of CASES) {
      missing.push(...(await detect(figures, each)));
      await inject(farmJson(), { kind: "heal" });
      await whole();
    }
  for (const each of LAST) missing.push(...(await detect(figures, each)));
  return missing;
}

async function detect(figures: Figures, { faults, codes, isSlow }: Case): Promise<readonly string[]> {
  const writer = await writerOf();
  const words = faults.map((each) => each.words).join(", ");
  printNote(words);
  let brokenAt = 0;
  for (const { order } of faults) {
    brokenAt = Date.now();
    await inject(farmJson(), order(writer));
    if (isSlow) brokenAt = Date.now();
  }
  const look = async (): Promise<ReadonlyMap<string, number>> =>
    new Map(
      (await journal("5m"))
        .filter(({ at, phase }) => phase === "detected" && Date.parse(at) >= brokenAt)
        .toReversed()
        .map(({ at, problem }) => [String(problem), Date.parse(at) - brokenAt]),
    );
  const found = await eventually(
    codes.join(" and "),
    DETECTED_SECONDS_MAX,
    look,
    (seen) => codes.every((code) => seen.has(code)),
    POLL_MS,
  ).catch(look);
  return codes.flatMap((code) => {
    const ms = found.get(code);
    if (ms === undefined) return [`${code} was not detected after ${words}`];
    figures.add(`${code}  ${words}`, ms);
    return [];
  });
}
