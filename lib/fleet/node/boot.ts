import { TandemError } from "../../errors.ts";
import type { LifecycleAws } from "../../lifecycle/aws.ts";
import type { CompleteHook } from "../../lifecycle/action.ts";
import { readRecord } from "../../lifecycle/record.ts";
import { noteBoot } from "../change.ts";
import type { FleetDeps } from "../deps.ts";

/** From the end of the hook to the first request: two probes of the balancer, five seconds apart (infra/web.yml). */
const IN_SERVICE_MS = 10_000;
/** A node that waited in its hook for longer, because something shared was missing, says nothing of boots. */
const BOOT_MS_MAX = 1_200_000;

/**
 * What the capacity of the tier looks ahead by: from the start of the machine to its service. EC2 tells the last start,
 * also of a node that was stopped in the warm pool. One sentence for the journal: the node serves either way, so a boot
 * that cannot be noted is said there and fails nothing.
 */
export async function learnBoot(deps: FleetDeps, aws: LifecycleAws, action: CompleteHook): Promise<string> {
  const { instanceId, group } = action;
  const { clock, table } = deps;
  try {
    const machine = (await aws.machines([instanceId])).get(instanceId);
    if (machine === undefined) return "its boot time is not known: EC2 does not show it";
    const at = clock.now();
    const ms = at - machine.launchedAt + IN_SERVICE_MS;
    if (ms <= 0 || ms > BOOT_MS_MAX) return `its boot time of ${seconds(ms)} is none to learn from`;
    const wasWarmed = (await readRecord(table, instanceId, "warming")) !== undefined;
    const learnt = await noteBoot(table, group, { from: wasWarmed ? "poolMs" : "directMs", ms, at });
    return `it took ${seconds(ms)} from its start${learnt ? "" : ", and another boot was learnt at the same time"}`;
  } catch (error) {
    if (!(error instanceof TandemError)) throw error;
    return `its boot time was not learnt: ${error.message}`;
  }
}

const seconds = (ms: number): string => `${Math.round(ms / 1000)} s`;
