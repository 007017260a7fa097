import type { Chance } from "./chance.ts";
import { groupsOf } from "./invariants.ts";
import { withWebType, type Template } from "./template.ts";
import type { SimulatedWorld } from "./world.ts";

/** An operator who runs the farm in the middle of its faults: rolls out templates, takes nodes out and puts them back. */
export interface Operator {
  /** Gives one order; resolves to what it was, whatever became of it. */
  next(): Promise<string>;
  /** Ends what nobody else may end: a node that is kept out of service, and a roll-out that pauses or hangs. */
  finish(): Promise<void>;
}

/** What one version of the web nodes has other than the next. */
const TYPES = ["t4g.large", "t4g.xlarge", "t4g.2xlarge"] as const;
const AGAIN_MS = 60_000;
/** Of a roll-out over six nodes, one after the other. */
const ROLLED_MS_MAX = 60 * 60_000;

export function openOperator(world: SimulatedWorld, chance: Chance, template: Template): Operator {
  let type = "";
  const order = async (given: object): Promise<string> => {
    await world.deliver(given, `tandem-${world.stage}-maintain`);
    return JSON.stringify(given);
  };
  const deploy = async (): Promise<string> => {
    // Auto Scaling takes no other template meanwhile, and a stack whose update and rollback fail is for a person.
    if (await isRollingOut(world)) return "no deployment while a version is rolled out";
    type = chance.pick(TYPES.filter((other) => other !== type)) ?? TYPES[0];
    await world.redeploy(withWebType(template, type));
    return `deployed with web nodes of type ${type}`;
  };
  const refresh = (): Promise<string> =>
    order({
      action: "refresh",
      minHealthyPercent: chance.pick([50, 90, 100]) ?? 90,
      checkpoints: chance.happens(0.5) ? [50, 100] : [],
      checkpointDelaySeconds: chance.whole(10, 300),
    });
  const ofNode = async (action: "drain" | "restore"): Promise<string> => {
    const instances = (await groupsOf(world)).filter(isScaled).flatMap((group) => group.instances);
    const kept = instances.filter(({ state }) => state === "Standby");
    const instanceId = chance.pick(action === "restore" && kept.length > 0 ? kept : instances)?.id;
    if (instanceId === undefined) return `no node to ${action}`;
    return order({ action, instanceId, ...(action === "drain" && { keep: chance.happens(0.8) }) });
  };
  const ORDERS: readonly (() => Promise<string>)[] = [
    deploy,
    async () => `${await deploy()}, then ${await refresh()}`,
    refresh,
    () => order({ action: "cancel-refresh" }),
    () => order({ action: "roll-back-refresh" }),
    () => ofNode("drain"),
    () => ofNode("drain"),
    () => ofNode("restore"),
    () => ofNode("restore"),
  ];

  return {
    next: () => chance.pick(ORDERS)?.() ?? Promise.resolve("nothing"),
    async finish() {
      let orderedAt = -Infinity;
      await world.until(
        "no node is kept and no roll-out is under way",
        async () => {
          const kept = (await groupsOf(world)).flatMap(({ instances }) => instances).filter(isKept);
          // An order may be refused: the tier has its maximum, the farm is frozen.
          if (kept.length > 0 && world.now() - orderedAt >= AGAIN_MS) {
            orderedAt = world.now();
            for (const { id } of kept)
              await order({
                action: world.machines.get(id)?.hasPower() === true ? "restore" : "drain",
                instanceId: id,
              });
          }
          return kept.length === 0 && !(await isRollingOut(world));
        },
        ROLLED_MS_MAX,
      );
    },
  };
}

/** The pair's groups have one server each, whatever happens. */
const isScaled = ({ min, max }: { readonly min: number; readonly max: number }): boolean => min < max;

const isKept = ({ state }: { readonly state: string }): boolean => state.endsWith("Standby");

async function isRollingOut(world: SimulatedWorld): Promise<boolean> {
  const { InstanceRefreshes } = await world.ask("autoscaling", "DescribeInstanceRefreshes", {
    AutoScalingGroupName: `tandem-${world.stage}-web`,
    MaxRecords: 1,
  });
  const refreshes: unknown[] = Array.isArray(InstanceRefreshes) ? InstanceRefreshes : [];
  return refreshes.some((refresh) => Object(refresh).EndTime === undefined);
}
