import type { Chance } from "./chance.ts";
import { openChance } from "./chance.ts";
import { brokenInvariants, isRestored, isServing } from "./invariants.ts";
import { writeLoad } from "./pair/clients.ts";
import { settlePair } from "./pair/end.ts";
import { pairMischief } from "./pair/mischief.ts";
import { openOperator } from "./operator.ts";
import { packagedTemplate, withSpecial, type Template } from "./template.ts";
import { openWorld, type Fault, type SimulatedWorld, type WorldOptions } from "./world.ts";

export interface Verdict {
  readonly seed: string | number;
  /** Rules that were broken, in words; none: the seed passed. */
  readonly broken: readonly string[];
  /** What was done to the farm, and its journal: equal for equal seeds. */
  readonly story: string;
  readonly calls: number;
  /** From the end of the faults until the farm was whole again. */
  readonly restoredMs: number;
}

/** Between two faults. */
const PAUSE_MS = [2_000, 30_000] as const;
/** The pair needs up to a minute to be whole again after one: some come into the middle of that, some after it. */
const PAIR_PAUSE_MS = [1_000, 30_000] as const;
/** An order comes into the middle of what the one before began, or after it. */
const ORDER_PAUSE_MS = [10_000, 240_000] as const;
/** Of the seeds, those in which an operator rolls out templates and keeps nodes, and those with a second class of nodes. */
const OPERATED = 1 / 3;
const SPECIAL = 1 / 4;
/** Whoever writes on such a farm comes and goes. */
const EDITORS_PAUSE_MS = [20_000, 300_000] as const;
/** Of the clients whose acknowledgements are accounted for. */
const WRITES_PER_SECOND = [1, 2, 4] as const;
/** The last of them hear or give up within this. */
const LAST_WRITES_MS = 3_000;
/** A launch that hangs to its limit and is tried again, then a drain. Shorter than a hook, whose own end would heal too. */
const HEALED_MS_MAX = 9 * 60_000;
/** Then the tier shrinks by a node a minute, and a wish or freeze of the operator runs out. */
const RESTORED_MS_MAX = 15 * 60_000;
/** What is restored must stay so. */
const QUIET_MS = 3 * 60_000;

/** One seed: minutes full of faults, then none, then the invariants. */
export async function simulate(options: {
  readonly seed: string | number;
  readonly minutes: number;
  readonly template?: Template;
  readonly wire?: NonNullable<WorldOptions["wire"]>;
}): Promise<Verdict> {
  const { seed, minutes } = options;
  const chance = openChance(`${seed}/plan`);
  const operations = openChance(`${seed}/operations`);
  const isOperated = operations.happens(OPERATED);
  const packaged = options.template ?? (await packagedTemplate());
  const hasSpecial = operations.happens(SPECIAL);
  const template = hasSpecial ? withSpecial(packaged) : packaged;
  const world = await openWorld({ wire: "none", ...options, template });
  const told: string[] = [];
  const tell = (words: string): void => void told.push(`${new Date(world.now()).toISOString()} ${words}`);
  try {
    if (chance.happens(0.7)) await world.until("the first nodes serve", () => isRestored(world), RESTORED_MS_MAX);
    const { clock, databases } = world;
    const pairChance = openChance(`${seed}/pair`);
    const mischief = pairMischief(world, pairChance);
    const perSecond = pairChance.pick(WRITES_PER_SECOND) ?? 1;
    const load = writeLoad({ clock, chance: pairChance.branch("clients"), databases, prefix: "row", perSecond });
    const editors = operations.branch("editors");
    const operator = openOperator(world, operations.branch("orders"), template);
    const end = world.now() + minutes * 60_000;
    await interleaved(world, end, [
      { pause: () => chance.whole(...PAUSE_MS), act: async () => tell(await disturb(world, chance)) },
      { pause: () => pairChance.whole(...PAIR_PAUSE_MS), act: async () => tell(await mischief.next()) },
      ...(isOperated
        ? [{ pause: () => operations.whole(...ORDER_PAUSE_MS), act: async () => tell(await operator.next()) }]
        : []),
      ...(hasSpecial
        ? [{ pause: () => editors.whole(...EDITORS_PAUSE_MS), act: async () => tell(edit(world, editors)) }]
        : []),
    ]);
    tell("the faults end");
    world.fault({ kind: "heal" });
    mischief.heal();
    world.fault({ kind: "load", perSecond: 4, serviceSeconds: 0.05, adminPerSecond: 0 });
    const broken = [...(await settlePair(world))];
    const stopped = load.stop();
    await world.advance(LAST_WRITES_MS);
    tell(JSON.stringify({ ...(await stopped), acknowledged: load.accounts().acknowledged.length }));
    const endedAt = world.now();
    let restoredMs = Infinity;
    try {
      await operator.finish();
      await world.until("every node serves", () => isServing(world), HEALED_MS_MAX);
      await world.until("the farm is as it was", () => isRestored(world), RESTORED_MS_MAX);
      restoredMs = world.now() - endedAt;
      await world.advance(QUIET_MS);
    } catch (error) {
      broken.push(error instanceof Error ? error.message : String(error));
    }
    broken.push(...(await brokenInvariants(world)));
    const journal = (await world.journal()).map((line) => JSON.stringify(line));
    return { seed, broken, story: [...told, ...journal].join("\n"), calls: world.calls().length, restoredMs };
  } finally {
    await world.close();
  }
}

interface Stream {
  pause(): number;
  act(): Promise<void>;
}

/** Lets each go on at its own pace until the end. */
async function interleaved(world: SimulatedWorld, end: number, streams: readonly Stream[]): Promise<void> {
  const due = streams.map((stream) => ({ stream, at: world.now() + stream.pause() }));
  for (;;) {
    const next = due.reduce((first, one) => (one.at < first.at ? one : first));
    await world.advance(Math.max(0, Math.min(next.at, end) - world.now()));
    if (next.at >= end) return;
    await next.stream.act();
    next.at = world.now() + next.stream.pause();
  }
}

type Mischief = (world: SimulatedWorld, chance: Chance) => Promise<string> | string;

async function disturb(world: SimulatedWorld, chance: Chance): Promise<string> {
  const mischief = chance.pick(MISCHIEF);
  return mischief === undefined ? "nothing" : mischief(world, chance);
}

function inject(world: SimulatedWorld, fault: Fault): string {
  world.fault(fault);
  return JSON.stringify(fault);
}

const lasting = (chance: Chance, low: number, high: number) => ({ forMs: chance.whole(low, high) * 1_000 });

/** Only web nodes: this version does not replace a lost database server. */
function killNode(world: SimulatedWorld, chance: Chance): string {
  const webs = [...world.machines.values()].filter((machine) => machine.node === "web" && machine.hasPower());
  const instanceId = chance.pick(webs)?.id;
  return instanceId === undefined ? "no web node to kill" : inject(world, { kind: "kill", instanceId });
}

/** EC2 takes a node back, or says that it may. */
function interruptNode(world: SimulatedWorld, chance: Chance): string {
  const running = [...world.machines.values()].filter((machine) => machine.node === "web" && machine.isUp());
  const instanceId = chance.pick(running)?.id;
  const kind = chance.pick(["spot-warning", "rebalance"] as const);
  return instanceId === undefined || kind === undefined ? "no web node to take" : inject(world, { kind, instanceId });
}

function failCalls(world: SimulatedWorld, chance: Chance): string {
  const rate = chance.whole(2, 60) / 100;
  const common = { on: "api", rate, ...lasting(chance, 5, 60) } as const;
  const fault = chance.pick<Fault>([
    { ...common, kind: "throttle" },
    { ...common, kind: "error" },
    { ...common, kind: "timeout" },
    { ...common, kind: "timeout", answerAfterMs: chance.whole(50, 4_000) },
    { ...common, kind: "stale", staleMs: chance.whole(1_000, 30_000) },
  ]);
  return fault === undefined ? "nothing" : inject(world, fault);
}

function loseEvents(world: SimulatedWorld, chance: Chance): string {
  const kind = chance.pick(["drop", "duplicate", "delay", "reorder"] as const) ?? "delay";
  const [rate, lateMs] = [chance.whole(20, 100) / 100, chance.whole(100, 90_000)];
  return inject(world, { on: "events", kind, rate, lateMs, ...lasting(chance, 10, 120) });
}

/** Anywhere, or beside a call after which the farm is another: that is where an end in the middle hurts. */
function crash(world: SimulatedWorld, chance: Chance): string {
  if (chance.happens(0.5))
    return inject(world, { kind: "crash", rate: chance.whole(2, 60) / 1000, ...lasting(chance, 10, 60) });
  const operation = chance.pick(CRUCIAL) ?? "UpdateItem";
  return inject(world, { kind: "crash", operation, times: chance.whole(1, 3), ...lasting(chance, 30, 120) });
}

const CRUCIAL = [
  "CompleteLifecycleAction",
  "SendCommand",
  "SetDesiredCapacity",
  "TerminateInstanceInAutoScalingGroup",
  "RecordLifecycleActionHeartbeat",
  "UpdateItem",
  "PutItem",
] as const;

function spoilScript(world: SimulatedWorld, chance: Chance): string {
  const script = chance.pick(["launch", "launch", "drain"] as const) ?? "launch";
  const how = chance.pick(["own-fault", "shared-missing", "hang", "crash"] as const) ?? "crash";
  return inject(world, { kind: "script", script, how, times: chance.whole(1, 2), ...lasting(chance, 60, 300) });
}

const changeLoad: Mischief = (world, chance) =>
  inject(world, { kind: "load", perSecond: chance.whole(1, 150), serviceSeconds: chance.whole(2, 30) / 100 });

const edit = (world: SimulatedWorld, chance: Chance): string =>
  inject(world, { kind: "load", adminPerSecond: chance.pick([0, 1, 10, 40]) ?? 0 });

const silence: Mischief = (world, chance) => inject(world, { kind: "silence", ...lasting(chance, 10, 150) });

async function operate(world: SimulatedWorld, chance: Chance): Promise<string> {
  const instanceId = chance.pick([...world.machines.keys()]) ?? "i-0123456789abcdef0";
  const order = chance.pick([
    { action: "scale", count: chance.whole(0, 7), forSeconds: chance.whole(10, 600) },
    { action: "drain", instanceId },
    { action: "freeze", scope: "web", forSeconds: chance.whole(5, 60) },
  ]);
  await world.deliver(order, `tandem-${world.stage}-maintain`);
  return JSON.stringify(order);
}

/** Events out of nowhere: of an instance that is long past, of one that is not ours, a test. */
async function strayEvent(world: SimulatedWorld, chance: Chance): Promise<string> {
  const instanceId = chance.happens(0.7)
    ? (chance.pick([...world.machines.keys()]) ?? "i-0123456789abcdef0")
    : `i-${chance.ids.hex(17)}`;
  const transition = chance.pick(["LAUNCHING", "TERMINATING"] as const) ?? "LAUNCHING";
  const event = {
    version: "0",
    id: chance.ids.uuid(),
    "detail-type": `EC2 Instance-${transition === "LAUNCHING" ? "launch" : "terminate"} Lifecycle Action`,
    source: "aws.autoscaling",
    account: "000000000000",
    time: new Date(world.now()).toISOString(),
    region: "eu-west-1",
    resources: [],
    detail: {
      LifecycleActionToken: chance.ids.uuid(),
      AutoScalingGroupName: `tandem-${world.stage}-web`,
      LifecycleHookName: transition === "LAUNCHING" ? "tandem-launch" : "tandem-terminate",
      EC2InstanceId: instanceId,
      LifecycleTransition: `autoscaling:EC2_INSTANCE_${transition}`,
    },
  };
  await world.deliver(event);
  return `stray ${transition} event of ${instanceId}`;
}

/** Some faults often, others seldom: each stands here as often as its weight. */
const MISCHIEF: readonly Mischief[] = [
  killNode,
  killNode,
  interruptNode,
  failCalls,
  failCalls,
  failCalls,
  loseEvents,
  loseEvents,
  crash,
  crash,
  spoilScript,
  spoilScript,
  changeLoad,
  changeLoad,
  silence,
  operate,
  strayEvent,
];
