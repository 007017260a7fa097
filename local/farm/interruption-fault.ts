import * as z from "zod";
import { assertNever } from "../../lib/assert.ts";
import { isoTime } from "../../lib/clock.ts";
import type { Cloud } from "../cloud/cloud.ts";
import { SPOT_WARNING_MS } from "../cloud/services/ec2/interruption.ts";
import { Refusal } from "./faults/index.ts";

/** AWS Health announces work on a host up to two weeks ahead. */
const AHEAD_SECONDS_MAX = 14 * 86_400;

/** What `tandem fault` sends for what EC2 and AWS Health do to machines on their own account. */
export const interruptionSchemas = [
  z.object({ kind: z.enum(["spot-warning", "rebalance", "stop"]), instanceId: z.string() }),
  z.object({ kind: z.literal("health"), instanceId: z.string(), inSeconds: z.number().gt(0).max(AHEAD_SECONDS_MAX) }),
] as const;
type InterruptionWish = z.infer<(typeof interruptionSchemas)[number]>;

/** Resolves when it is announced or accepted. Throws Refusal for a machine that does not run. */
export async function interrupt(
  { ec2 }: Pick<Cloud, "ec2">,
  now: number,
  { instanceId, ...wish }: InterruptionWish,
): Promise<Record<string, unknown>> {
  if (ec2.instance(instanceId)?.state !== "running")
    throw new Refusal(`${instanceId} is not a running machine; \`tandem status\` lists them`);
  switch (wish.kind) {
    case "spot-warning":
      ec2.interruptions.spotWarning(instanceId);
      return { warned: instanceId, endsAt: isoTime(now + SPOT_WARNING_MS) };
    case "rebalance":
      ec2.interruptions.rebalance(instanceId);
      return { recommended: instanceId };
    case "health":
      ec2.interruptions.health(instanceId, wish.inSeconds * 1000);
      return { announced: instanceId, stopsAt: isoTime(now + wish.inSeconds * 1000) };
    case "stop":
      await ec2.stop(instanceId);
      return { stopping: instanceId };
    default:
      return assertNever(wish);
  }
}
