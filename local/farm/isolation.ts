import type { CloudClock } from "../cloud/clock.ts";
import type { Cloud } from "../cloud/cloud.ts";
import type { WireRequest, WireResponse } from "../cloud/wire/index.ts";

type Answer = (request: WireRequest) => Promise<WireResponse>;

/** How often a held request looks whether its machine is connected again. */
const LOOK_MS = 200;

/** The machine whose role's credentials signed the request. */
function callerOf(cloud: Cloud, { headers }: WireRequest): string | undefined {
  const accessKeyId = /Credential=([^/,\s]+)/.exec(headers["authorization"] ?? "")?.[1];
  const arn = accessKeyId === undefined ? undefined : cloud.iam.principalOf(accessKeyId)?.arn;
  return /\/(i-[0-9a-f]+)$/.exec(arn ?? "")?.[1];
}

/** The calls of a machine that is cut off do not reach the endpoint before it is connected again. */
export const heldWhileCutOff =
  (cloud: Cloud, clock: CloudClock, answer: Answer): Answer =>
  async (request) => {
    const caller = callerOf(cloud, request);
    if (caller === undefined) return answer(request);
    while (cloud.ec2.machine(caller)?.cutOffSince !== undefined) await clock.sleep(LOOK_MS);
    return answer(request);
  };
