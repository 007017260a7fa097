import { setTimeout as sleep } from "node:timers/promises";
import * as z from "zod";
import { wallClock } from "../../lib/clock.ts";
import type { Cloud } from "../cloud/cloud.ts";
import type { WireRequest, WireResponse } from "../cloud/wire/index.ts";
import { cloudFaultSchemas, injectCloudFault } from "./cloud-fault.ts";
import { pairFaultSchemas, Refusal, type PairFaults } from "./faults/index.ts";
import { interrupt, interruptionSchemas } from "./interruption-fault.ts";
import type { FarmMachines } from "./machines.ts";

/** A killed machine must be seen as gone by then; SIGKILL and one state change take far less. */
const OBSERVED_SECONDS_MAX = 10;

const wishSchema = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("kill"), instanceId: z.string() }),
  z.object({ kind: z.literal("event"), envelope: z.unknown() }),
  z.object({ kind: z.literal("heal"), fault: z.optional(z.array(z.string()).min(1)) }),
  ...interruptionSchemas,
  ...cloudFaultSchemas,
  ...pairFaultSchemas,
]);
type Wish = z.infer<typeof wishSchema>;

interface Room {
  readonly cloud: Cloud;
  readonly accessKeyId: string;
  readonly machines: FarmMachines;
  readonly pair: PairFaults;
}

/**
 * The door through which `tandem fault` reaches a local farm: faults are no AWS calls, so they have a path of their own
 * beside the AWS endpoint, for the holder of the operator's secret only. Undefined: the request is not for this door.
 */
export function openControl(room: Room, secret: string) {
  return async (request: WireRequest): Promise<WireResponse | undefined> => {
    if (request.url !== "/_tandem/fault") return undefined;
    if (request.headers["authorization"] !== `Bearer ${secret}`) return answer(403, { error: "not the operator" });
    try {
      const wish = wishSchema.safeParse(JSON.parse(request.body.toString("utf8")));
      if (!wish.success) return answer(400, { error: z.prettifyError(wish.error) });
      return answer(200, await inject(room, wish.data));
    } catch (error) {
      return answer(isRefusal(error) ? 400 : 500, { error: String(error) });
    }
  };
}

const isRefusal = (error: unknown): boolean =>
  error instanceof Refusal || error instanceof SyntaxError || error instanceof RangeError;

const answer = (status: number, body: unknown): WireResponse => ({
  status,
  headers: { "content-type": "application/json" },
  body: Buffer.from(JSON.stringify(body)),
});

async function inject(room: Room, wish: Wish): Promise<Record<string, unknown>> {
  const { cloud, accessKeyId, machines, pair } = room;
  const idOf = ({ instanceId }: { instanceId: string }): string => machines.find(instanceId)?.instanceId ?? instanceId;
  switch (wish.kind) {
    case "kill":
      return kill(cloud, idOf(wish));
    case "spot-warning":
    case "rebalance":
    case "health":
    case "stop":
      return interrupt(cloud, wallClock.now(), { ...wish, instanceId: idOf(wish) });
    case "event":
      cloud.bus.deliver(wish.envelope);
      return { delivered: true };
    case "heal":
      if (wish.fault !== undefined) return { ...(await pair.heal(wish.fault)) };
      // A killed machine is healed by the controller, not by hand.
      return { cloudFaults: cloud.faults.heal(), ...(await pair.heal()) };
    case "api":
    case "events":
      return injectCloudFault(cloud, accessKeyId, wish);
    default:
      return pair.inject(wish);
  }
}

/** The host is lost: every process of the machine dies at once, as when its hardware fails. */
async function kill(cloud: Cloud, instanceId: string): Promise<Record<string, unknown>> {
  const pid = cloud.ec2.machine(instanceId)?.pid;
  if (cloud.ec2.instance(instanceId)?.state !== "running" || pid === undefined) {
    throw new Refusal(`${instanceId} is not a running machine; \`tandem status\` lists them`);
  }
  const startedAtMs = performance.now();
  process.kill(-pid, "SIGKILL");
  while (cloud.ec2.instance(instanceId)?.state === "running") {
    if (performance.now() - startedAtMs > OBSERVED_SECONDS_MAX * 1000)
      throw new Error(`${instanceId} is still seen as running`);
    await sleep(20);
  }
  return { killed: instanceId, observedMs: Math.round(performance.now() - startedAtMs) };
}
