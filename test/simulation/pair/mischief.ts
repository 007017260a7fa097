import type { DatabaseNode } from "../../../lib/spec.ts";
import type { Chance } from "../chance.ts";
import type { SimulatedWorld } from "../world.ts";
import type { Deed } from "./event.ts";
import { bothNodes, isRunning, peerOf, type Link } from "./state.ts";

/** What befalls the pair of database servers of one seed, beside what befalls its cloud and its web nodes. */
export interface PairMischief {
  /** Does the next thing; resolves to what it was, in words. */
  next(): Promise<string>;
  /** Ends whatever lasts. What was done once (a row, a server that was closed) is for the controller or a person. */
  heal(): void;
}

/** From a start of mysqld until it answers. */
const RECOVERY_MS = [700, 2_500] as const;
/** Longer than any server stays down. */
const RUNNING_MS_MAX = 60 * 60_000;
/** Lost writes, and rows of a person, are rare: what befalls a pair that waits for a person teaches little. */
const RARE = 0.25;

type Act = (story: Story) => Promise<string | undefined> | string | undefined;

interface Story {
  readonly world: SimulatedWorld;
  readonly chance: Chance;
  /** Names that nobody else in this world has. */
  fresh(): number;
  act(deed: Deed): void;
  /** A person does it. */
  byHand(deed: Deed): void;
  /** As soon as this server runs. */
  whenRunning(node: DatabaseNode, act: () => void): void;
  /** After so many seconds; never if the faults end before. */
  soon(seconds: number, act: () => void): void;
  /** Undone after so many seconds, or when the faults end. */
  later(seconds: number, undo: () => void): void;
}

export function pairMischief(world: SimulatedWorld, chance: Chance): PairMischief {
  const { clock, databases } = world;
  const open = new Set<{ end(): void }>();
  let count = 0;
  const wait = (seconds: number, act: () => void, atTheEnd: () => void): void => {
    const ends = (how: () => void) => (): void => {
      timer.cancel();
      open.delete(one);
      how();
    };
    const one = { end: ends(atTheEnd) };
    const timer = clock.after(seconds * 1_000, ends(act));
    open.add(one);
  };
  const story: Story = {
    world,
    chance,
    fresh: () => (count += 1),
    act: (deed) => void databases.pair.act(deed),
    byHand: (deed) => void databases.pair.act({ ...deed, byHand: true }),
    whenRunning: (node, act) =>
      void databases.pair.until(({ servers }) => isRunning(servers[node]), RUNNING_MS_MAX).then((is) => is && act()),
    later: (seconds, undo) => wait(seconds, undo, undo),
    soon: (seconds, act) => wait(seconds, act, () => undefined),
  };
  return {
    async next() {
      const act = chance.pick(ACTS);
      return (act && (await act(story))) ?? "nothing befalls the pair";
    },
    heal() {
      for (const one of [...open]) one.end();
      for (const link of bothNodes.flatMap(linksOf)) story.act({ kind: "mend", link });
      for (const node of bothNodes) revive(story, node);
    },
  };
}

const nodeOf = ({ chance }: Story): DatabaseNode => chance.pick(bothNodes) ?? "db-a";
/** The writer twice as often: there it hurts. */
const hurtNode = (story: Story): DatabaseNode =>
  (story.chance.happens(0.5) ? story.world.databases.writer() : undefined) ?? nodeOf(story);

const linksOf = (node: DatabaseNode): readonly Link[] => [
  { from: "app", to: node },
  { from: "controller", to: node },
  { from: peerOf(node), to: node },
  { from: node, to: peerOf(node) },
];

/** What its supervisor or a person does for a server that hangs or is down. Its machine may be stopped: then nothing. */
function revive({ act, chance }: Story, node: DatabaseNode): void {
  act({ kind: "continue", node });
  act({ kind: "start", node, recoveryMs: chance.whole(...RECOVERY_MS) });
}

function kill(story: Story, node = hurtNode(story)): string {
  const { chance } = story;
  const seconds = chance.happens(0.5) ? chance.whole(1, 5) : chance.whole(5, 90);
  story.act({ kind: "kill", node });
  story.later(seconds, () => revive(story, node));
  return `${node} is killed for ${seconds} s`;
}

function hang(story: Story): string {
  const [node, seconds] = [hurtNode(story), story.chance.whole(1, 40)];
  story.act({ kind: "hang", node });
  // a fence may have killed it meanwhile
  story.later(seconds, () => revive(story, node));
  return `${node} hangs for ${seconds} s`;
}

function cut(story: Story, links: readonly Link[], seconds: number): string {
  for (const link of links) story.act({ kind: "cut", link });
  story.later(seconds, () => {
    for (const link of links) story.act({ kind: "mend", link });
  });
  return `${links.map(({ from, to }) => `${from}->${to}`).join(" ")} cut for ${seconds} s`;
}

/** The writer, if there is one: what comes next is to hurt the more. */
const killWriter = (story: Story): void => void kill(story, story.world.databases.writer() ?? nodeOf(story));

/** What the peer lacks then, or has not applied yet, the failover must know of. */
const spoilPeer: Act = (story) => {
  const { world, chance } = story;
  const writer = world.databases.writer();
  if (writer === undefined) return undefined;
  const [peer, seconds] = [peerOf(writer), chance.whole(1, 12)];
  story.soon(seconds, () => killWriter(story));
  const how = chance.whole(0, 3);
  const words = `${seconds} s later the writer is killed`;
  if (how === 0) return `${cut(story, [{ from: peer, to: writer }], chance.whole(10, 90))}; ${words}`;
  if (how === 1) return `${delayApplier(story, peer, chance.whole(500, 15_000))}; ${words}`;
  if (how === 2) return `${stopApplier(story, peer)}; ${words}`;
  return `${kill(story, peer)}; ${words}`;
};

/** One after the other, or the new writer after the old one. */
const killTwice: Act = (story) => {
  const seconds = story.chance.whole(0, 40);
  story.soon(seconds, () => killWriter(story));
  killWriter(story);
  return `the writer is killed, and after ${seconds} s whoever is the writer then`;
};

const cutOne: Act = (story) => {
  const links = linksOf(hurtNode(story));
  return cut(story, [story.chance.pick(links) ?? { from: "app", to: "db-a" }], story.chance.whole(1, 60));
};

const cutSome: Act = (story) => {
  const links = bothNodes.flatMap(linksOf).filter(() => story.chance.happens(0.4));
  return cut(story, links, story.chance.whole(1, 45));
};

const cutBetween: Act = (story) => {
  const links: readonly Link[] = [
    { from: "db-a", to: "db-b" },
    { from: "db-b", to: "db-a" },
  ];
  return cut(story, links, story.chance.whole(1, 60));
};

const cutOff: Act = (story) => cut(story, linksOf(hurtNode(story)), story.chance.whole(3, 120));

function full(story: Story): string {
  const [node, seconds] = [hurtNode(story), story.chance.whole(2, 60)];
  story.act({ kind: "full", node, on: true });
  story.later(seconds, () => story.act({ kind: "full", node, on: false }));
  return `every connection of ${node} is taken for ${seconds} s`;
}

function stopApplier(story: Story, node = nodeOf(story)): string {
  const seconds = story.chance.whole(2, 90);
  story.byHand({ kind: "threads", node, threads: "applier", run: false });
  story.later(seconds, () => story.whenRunning(node, () => startApplier(story, node)));
  return `the applier of ${node} is stopped for ${seconds} s`;
}

/** One that has failed is for whoever looks at why. */
function startApplier({ world, byHand }: Story, node: DatabaseNode): void {
  if (world.databases.pair.state().servers[node].channel?.sqlError === undefined)
    byHand({ kind: "threads", node, threads: "applier", run: true });
}

function delayApplier(story: Story, node = nodeOf(story), ms = story.chance.whole(100, 30_000)): string {
  const seconds = story.chance.whole(5, 90);
  story.act({ kind: "delay", node, ms });
  story.later(seconds, () => story.whenRunning(node, () => story.act({ kind: "delay", node, ms: 0 })));
  return `the applier of ${node} is ${ms} ms late for ${seconds} s`;
}

function holdTransaction(story: Story): string {
  const [node, ms] = [hurtNode(story), story.chance.whole(500, 60_000)];
  story.act({ kind: "hold", node, ms });
  return `a transaction on ${node} for ${ms} ms`;
}

function stopThreads(story: Story): string {
  const [node, threads] = [nodeOf(story), story.chance.pick(["both", "receiver"] as const) ?? "both"];
  story.byHand({ kind: "threads", node, threads, run: false });
  return `${threads === "both" ? "both threads" : "the receiver"} of ${node} stopped`;
}

function close(story: Story): string {
  const nodes = story.chance.happens(0.5) ? bothNodes : [hurtNode(story)];
  for (const node of nodes) story.byHand({ kind: "read-only", node, on: true });
  return `${nodes.join(" and ")} made read-only`;
}

function openByHand(story: Story): string | undefined {
  if (!story.chance.happens(2 * RARE)) return undefined;
  const nodes = story.chance.happens(0.5) ? bothNodes : [nodeOf(story)];
  for (const node of nodes) story.byHand({ kind: "read-only", node, on: false });
  return `${nodes.join(" and ")} made writable`;
}

function errant(story: Story): string | undefined {
  if (!story.chance.happens(RARE)) return undefined;
  const [node, id] = [nodeOf(story), `errant-${story.fresh()}`];
  story.byHand({ kind: "errant", node, id });
  return `row ${id} is written on ${node} by a person`;
}

/** The same natural key on both servers; a person deletes the stray row later, in half of the cases not before the end. */
function conflict(story: Story): string | undefined {
  const { world, chance } = story;
  const writer = world.databases.writer();
  if (writer === undefined || !chance.happens(RARE)) return undefined;
  const [key, node, value] = [`conflict-${story.fresh()}`, peerOf(writer), "the reader's"];
  story.byHand({ kind: "plant", node, key, value });
  const content = { kind: "row", id: key, key, value: "the writer's" } as const;
  story.act({ kind: "write", node: writer, write: { id: key, client: "app", content } });
  if (chance.happens(0.8))
    story.later(chance.whole(20, 200), () =>
      story.whenRunning(node, () => {
        story.byHand({ kind: "unplant", node, key, value });
        if (world.databases.pair.state().servers[node].channel?.sqlError !== undefined)
          story.byHand({ kind: "threads", node, threads: "applier", run: true });
      }),
    );
  return `row ${key} is on ${node} already`;
}

/** docs/OPERATIONS.md, "by hand": a new disk, which then receives everything. Only where the controller asks for it. */
async function rebuild(story: Story): Promise<string | undefined> {
  const { world, chance, byHand } = story;
  const proposal = world.told().proposals.find(({ id }) => id.startsWith("rebuild-"));
  const node = bothNodes.find((each) => proposal?.id.startsWith(`rebuild-${each}-`));
  if (node === undefined || !world.databases.pair.state().servers[node].hasPower) return undefined;
  if (isRunning(world.databases.pair.state().servers[node])) byHand({ kind: "kill", node });
  byHand({ kind: "install", node, identity: chance.ids.uuid() });
  revive(story, node);
  return `${node} is rebuilt by hand, as ${proposal?.id} says`;
}

async function order(story: Story, what: Readonly<Record<string, unknown>>): Promise<string> {
  await story.world.deliver(what, `tandem-${story.world.stage}-maintain`);
  return JSON.stringify(what);
}

const switchover: Act = (story) => order(story, { action: "switchover", to: nodeOf(story) });

/** Whatever is proposed; what would lose something not always. */
const approve: Act = async (story) => {
  const { world, chance } = story;
  const { id } = chance.pick(world.told().proposals) ?? { id: `promote-${nodeOf(story)}-0-0` };
  if (id.startsWith("promote-") && chance.happens(0.4)) return undefined;
  world.databases.pair.witness.approved(id);
  return order(story, { action: "approve", proposal: id });
};

const freeze: Act = (story) =>
  order(story, { action: "freeze", scope: "database", forSeconds: story.chance.whole(5, 45) });

/** The controller's own life, where the pair depends on it. */
function crashWatch({ world, chance }: Story): string {
  const functionName = `tandem-${world.stage}-watch-database`;
  const fault = chance.happens(0.5)
    ? ({ kind: "crash", functionName, times: chance.whole(1, 3), forMs: 30_000 } as const)
    : ({
        kind: "crash",
        functionName,
        rate: chance.whole(5, 80) / 1_000,
        forMs: chance.whole(10, 60) * 1_000,
      } as const);
  world.fault(fault);
  return JSON.stringify(fault);
}

function spoilFence({ world, chance }: Story): string {
  const how = chance.pick(["hang", "crash"] as const) ?? "hang";
  const fault = { kind: "script", script: "fence", how, times: chance.whole(1, 2), forMs: 120_000 } as const;
  world.fault(fault);
  return JSON.stringify(fault);
}

const killAny: Act = (story) => kill(story);
const stopAny: Act = (story) => stopApplier(story);
const delayAny: Act = (story) => delayApplier(story);

/** Each stands here as often as its weight. */
const ACTS: readonly Act[] = [
  ...[killAny, killAny, hang, hang, spoilPeer, spoilPeer, spoilPeer, killTwice],
  ...[cutOne, cutOne, cutSome, cutBetween, cutOff, cutOff],
  ...[full, stopAny, delayAny, holdTransaction, stopThreads],
  ...[close, openByHand, errant, conflict],
  ...[rebuild, rebuild, switchover, switchover, approve, approve, approve, freeze],
  ...[crashWatch, crashWatch, spoilFence],
];
