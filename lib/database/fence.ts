import { TandemError } from "../errors.ts";
import { lifecycleAws } from "../lifecycle/aws.ts";
import type { DatabaseNode } from "../spec.ts";
import type { Hands } from "./hands.ts";
import { databaseAws } from "./aws.ts";

/** The agent takes a command within a second; a machine that has not proven its fence by then is stopped. */
const PROOF_MS_MAX = 8_000;
const POLL_MS = 100;
/** EC2 forces a stop within minutes; it is asked again by the next look where this is not enough. */
const STOP_MS_MAX = 120_000;
const STOP_POLL_MS = 1_000;
/** Exit code of `tandem-node fence`: proven. Anything else is no proof. */
const PROVEN = "success";

/**
 * Fences a server that does not answer: on its machine, which proves that the server is gone or closed; where the machine
 * does not answer either, by stopping the instance until EC2 shows it stopped. A network that is cut is no fence:
 * connections that are tracked live on.
 * @throws TandemError `fence-failed`, retriable
 */
export async function fenceMachine(hands: Hands, node: DatabaseNode, instanceId: string | undefined): Promise<string> {
  if (instanceId === undefined)
    throw new TandemError("fence-failed", `the machine of ${node} is not known`, {
      next: "tandem status",
      retriable: true,
    });
  const proof = await onMachine(hands, instanceId);
  if (proof === undefined) await stop(hands, node, instanceId);
  // Calls that were tried again may have outlived the lease: then it is for its next holder to rest something on this.
  await hands.goOn();
  if (proof !== undefined) return `${node} is fenced on its machine: ${proof}`;
  return `${node} is fenced: ${instanceId} is stopped`;
}

/** What the machine says; undefined: no proof in time. */
async function onMachine(hands: Hands, instanceId: string): Promise<string | undefined> {
  const { deps } = hands;
  const { clock } = deps;
  const aws = lifecycleAws(deps);
  const until = clock.now() + PROOF_MS_MAX;
  let renewAt = clock.now() + STOP_POLL_MS;
  try {
    const document = deps.spec.documents.fence;
    const commandId = await aws.sendCommand({ instanceId, document, parameters: {}, comment: `fence ${instanceId}` });
    for (; clock.now() < until; await clock.sleep(POLL_MS)) {
      const { state, output } = await aws.commandRun(instanceId, commandId);
      if (state === PROVEN) return output.trim();
      if (state !== "running") return undefined;
      if (clock.now() >= renewAt) {
        await hands.goOn();
        renewAt = clock.now() + STOP_POLL_MS;
      }
    }
    return undefined;
  } catch (error) {
    // An agent that cannot be reached proves nothing: the stronger fence is left. A lost lease ends it all.
    if (error instanceof TandemError && error.code !== "lease-lost") return undefined;
    throw error;
  }
}

async function stop(hands: Hands, node: DatabaseNode, instanceId: string): Promise<void> {
  const { clock } = hands.deps;
  const aws = databaseAws(hands.deps);
  const machines = lifecycleAws(hands.deps);
  await hands.goOn();
  await aws.stopMachine(instanceId);
  for (const until = clock.now() + STOP_MS_MAX; clock.now() < until; await clock.sleep(STOP_POLL_MS)) {
    const state = (await machines.machines([instanceId])).get(instanceId)?.state;
    if (state === "stopped" || state === "terminated") return;
    await hands.goOn();
  }
  throw new TandemError("fence-failed", `${instanceId} of ${node} is not stopped after ${STOP_MS_MAX / 1_000} s`, {
    next: "nothing: it is tried again; if it lasts, stop the instance by hand",
    retriable: true,
  });
}
