import { assert } from "../../../../lib/assert.ts";
import type { Timer } from "../../clock.ts";
import { applyStep } from "./act.ts";
import type { Group } from "./model.ts";
import type { Surroundings } from "./source.ts";
import { nextDeadline, nextSteps, type Sight } from "./steps.ts";

/** How often a group looks at what nobody reports to it (the health of its targets). AWS looks about every 30 s. */
export const LOOK_MS = 5_000;
/** Every pass moves some instance on; a group that needs more in one go than this never settles. */
const PASSES_MAX = 10_000;

export interface Groups {
  readonly all: ReadonlyMap<string, Group>;
  add(group: Group): void;
  of(instanceId: string): Group | undefined;
  /** Looks at the group soon; calls in the same turn are one look. */
  wake(group: Group): void;
  close(): void;
}

/** Keeps every group moving: a look at each change, at each deadline and every LOOK_MS. */
export function openGroups(around: Surroundings, removed: (group: Group) => void): Groups {
  const all = new Map<string, Group>();
  const timers = new Map<Group, Timer>();
  const woken = new Set<Group>();
  let closed = false;

  const wake = (group: Group): void => {
    if (closed || woken.has(group)) return;
    woken.add(group);
    queueMicrotask(() => look(group));
  };

  const look = (group: Group): void => {
    woken.delete(group);
    timers.get(group)?.cancel();
    if (closed || all.get(group.name) !== group) return;
    settle(around, group, () => wake(group));
    if (group.deleting && group.members.size === 0 && group.launches.size === 0) {
      all.delete(group.name);
      timers.delete(group);
      removed(group);
      return;
    }
    const now = around.world.clock.now();
    const pause = Math.min(LOOK_MS, nextDeadline(group, now) - now);
    timers.set(
      group,
      around.world.clock.after(pause, () => look(group)),
    );
  };

  const groupOf = (instanceId: string): Group | undefined =>
    [...all.values()].find((group) => group.members.has(instanceId));

  around.ec2.onChange((instance) => {
    const group = groupOf(instance.instanceId);
    if (group !== undefined) wake(group);
  });

  return {
    all,
    add(group) {
      all.set(group.name, group);
      wake(group);
    },
    of: groupOf,
    wake,
    close() {
      closed = true;
      for (const timer of timers.values()) timer.cancel();
    },
  };
}

/** Decides and acts until nothing is left to do now. */
function settle(around: Surroundings, group: Group, wake: () => void): void {
  for (let pass = 0; ; pass++) {
    assert(pass < PASSES_MAX, `group ${group.name} settles`);
    const steps = nextSteps(group, sightsOf(around, group), around.world.clock.now());
    if (steps.length === 0) return;
    for (const step of steps) applyStep(around, group, step, wake);
  }
}

function sightsOf(around: Surroundings, group: Group): Map<string, Sight> {
  const sights = new Map<string, Sight>();
  for (const id of group.members.keys()) {
    const health = group.targetGroups.map((arn) => around.targets.health(arn, id));
    sights.set(id, {
      ec2: around.ec2.instance(id)?.state ?? "gone",
      draining: health.includes("draining"),
      failing: health.includes("unhealthy"),
    });
  }
  return sights;
}
