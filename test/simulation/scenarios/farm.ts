import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { JournalLine } from "../../../lib/reconcile/journal.ts";
import { groupsOf, isRestored } from "../invariants.ts";
import type { Template } from "../template.ts";
import { openWorld, type SimulatedWorld, type WorldOptions } from "../world.ts";
import type { Deed } from "../witness.ts";

/** A farm in service, and what a scenario wants to know of it. */
export interface ScenarioFarm {
  readonly world: SimulatedWorld;
  /** Ids of the web group's instances. */
  webs(): Promise<readonly string[]>;
  /** Those of them that are in service. */
  serving(): Promise<readonly string[]>;
  /** Lifecycle state; `gone` when no group has it. */
  stateOf(instanceId: string): Promise<string>;
  /** Wants one node more and resolves to its id as soon as it waits in its launch hook. */
  launching(): Promise<string>;
  /** Takes one node in service out of the tier; resolves to its id. */
  leaving(): Promise<string>;
  until(instanceId: string, state: string, ms?: number): Promise<void>;
  /** The farm is whole again, with no fault left. */
  rest(): Promise<void>;
  deeds(operation: string, instanceId?: string): readonly Deed[];
  lines(instanceId: string): Promise<readonly JournalLine[]>;
  desired(): Promise<number>;
  /** How the hook of this node was completed. */
  results(instanceId: string, hook: "launch" | "terminate"): readonly unknown[];
}

const WAIT_MS = 10 * 60_000;

export async function servingFarm(
  seed: string,
  wire: NonNullable<WorldOptions["wire"]> = "calls",
  template?: Template,
): Promise<ScenarioFarm> {
  const world = await openWorld({ seed, wire, ...(template && { template }) });
  const web = async () => {
    const group = (await groupsOf(world)).find(({ name }) => name === `tandem-${world.stage}-web`);
    if (group === undefined) throw new Error("this farm has no web group");
    return group;
  };
  const webs = async () => (await web()).instances.map(({ id }) => id);
  const stateOf = async (id: string) => (await web()).instances.find((instance) => instance.id === id)?.state ?? "gone";
  const until = (id: string, state: string, ms = WAIT_MS) =>
    world.until(`${id} is ${state}`, async () => (await stateOf(id)) === state, ms);
  const rest = async () => {
    world.fault({ kind: "heal" });
    world.fault({ kind: "load", perSecond: 4, serviceSeconds: 0.05, adminPerSecond: 0 });
    await world.until("the farm is whole", () => isRestored(world), 3 * WAIT_MS);
  };
  const deeds: ScenarioFarm["deeds"] = (operation, instanceId) =>
    world.witness.deeds.filter(
      (deed) =>
        deed.operation === operation &&
        (instanceId === undefined || JSON.stringify(deed.parameters).includes(instanceId)),
    );
  await rest();
  // the last that is done to a new farm: from here on only a scenario does something
  await world.until("the records follow the writer", () => deeds("ChangeResourceRecordSets").length > 0, WAIT_MS);
  return {
    world,
    webs,
    serving: async () =>
      (await web()).instances.filter(({ state, healthy }) => state === "InService" && healthy).map(({ id }) => id),
    stateOf,
    until,
    rest,
    async launching() {
      const before = await webs();
      // a wish ends by itself, and the tier goes back to what it needs
      await world.deliver(
        { action: "scale", count: before.length + 1, forSeconds: 240 },
        `tandem-${world.stage}-maintain`,
      );
      let found: string | undefined;
      await world.until(
        "a node is on its way",
        async () => {
          found = (await webs()).find((id) => !before.includes(id));
          return found !== undefined && (await stateOf(found)) === "Pending:Wait";
        },
        WAIT_MS,
      );
      return found ?? "";
    },
    async leaving() {
      const [instanceId = ""] = await webs();
      await world.deliver({ action: "drain", instanceId }, `tandem-${world.stage}-maintain`);
      await world.until(`${instanceId} leaves`, async () => (await stateOf(instanceId)) !== "InService", WAIT_MS);
      return instanceId;
    },
    deeds,
    results: (id, hook) =>
      deeds("CompleteLifecycleAction", id)
        .filter(({ parameters }) => parameters["LifecycleHookName"] === `tandem-${hook}`)
        .map(({ parameters }) => parameters["LifecycleActionResult"]),
    lines: async (instanceId) => (await world.journal()).filter((line) => line.scope === `web/${instanceId}`),
    desired: async () => (await web()).desired,
  };
}

/** One of the sample events of events/, about this instance. */
export function sample(name: string, instanceId: string): unknown {
  const text = readFileSync(join(import.meta.dirname, "../../../events", `${name}.json`), "utf8");
  return JSON.parse(text.replaceAll("i-0a1b2c3d4e5f60718", instanceId));
}

/** What Auto Scaling says of a hook in which the instance does not wait (any more, or yet). */
export const noActive = (instanceId: string) =>
  ({
    on: "api",
    service: "autoscaling",
    kind: "refuse",
    code: "ValidationError",
    message: `No active Lifecycle Action found with instance ID ${instanceId}`,
    status: 400,
  }) as const;

export const onLifecycle = "tandem-local-on-lifecycle";
export const onAlarm = "tandem-local-on-alarm";
/** Deploying a farm takes seconds of the wall clock, packaging its template a minute on a busy machine. */
export const SETUP_MS = 240_000;
export const SCENARIO_MS = 60_000;
