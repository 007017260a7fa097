import { assertNever } from "../../../lib/assert.ts";
import type { CloudClock } from "../clock.ts";
import { CloudError } from "../errors.ts";
import type { ServiceId } from "../service.ts";
import type { Members } from "../wire/index.ts";
import { strikes, type Active, type ApiFault } from "./fault.ts";
import { canBeStale, changes, type Replica } from "./stale.ts";
import type { Waits } from "./waits.ts";

export interface FaultyCall {
  readonly service: ServiceId;
  readonly operation: string;
  readonly input: Members;
}

type Perform = () => Promise<Members>;

interface Around {
  readonly clock: CloudClock;
  readonly waits: Waits;
  readonly replica: Replica;
}

/** Code and status of "too many requests" where a service has its own; all others use ThrottlingException (JSON) with 400. */
const THROTTLED: Readonly<Partial<Record<ServiceId, readonly [code: string, status: number]>>> = {
  autoscaling: ["Throttling", 400],
  cloudformation: ["Throttling", 400],
  cloudfront: ["Throttling", 400],
  dynamodb: ["ProvisionedThroughputExceededException", 400],
  ec2: ["RequestLimitExceeded", 503],
  elasticache: ["Throttling", 400],
  elasticfilesystem: ["TooManyRequests", 429],
  elasticloadbalancing: ["Throttling", 400],
  iam: ["Throttling", 400],
  lambda: ["TooManyRequestsException", 429],
  monitoring: ["Throttling", 400],
  route53: ["Throttling", 400],
  s3: ["SlowDown", 503],
  sns: ["Throttling", 400],
  sqs: ["RequestThrottled", 403],
  sts: ["Throttling", 400],
};

/** Common errors of every AWS service: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/CommonErrors.html */
const failed = (isOverloaded: boolean): CloudError =>
  isOverloaded
    ? new CloudError("ServiceUnavailable", "The request has failed due to a temporary failure of the server.", 503)
    : new CloudError("InternalFailure", "The request processing has failed because of an unknown error.", 500);

const throttled = (service: ServiceId): CloudError => {
  const [code, status] = THROTTLED[service] ?? ["ThrottlingException", 400];
  return new CloudError(code, "Rate exceeded", status);
};

/** Where a fault does not say what it does, it does one thing to half of the calls and another to the rest. */
const HALF = 0.5;
const isDoneBefore = ({ fault: { isDone }, chance }: Active<ApiFault & { isDone?: boolean }>): boolean =>
  isDone ?? chance() < HALF;

const concerns = ({ fault }: Active<ApiFault>, call: FaultyCall): boolean =>
  (fault.service === undefined || fault.service === call.service) &&
  (fault.operation === undefined || fault.operation === call.operation) &&
  (fault.kind !== "stale" || canBeStale(call.operation));

/** Answers one call under the faults in force, oldest first; the first that strikes decides. */
export async function faultyCall(
  around: Around,
  actives: readonly Active<ApiFault>[],
  call: FaultyCall,
  perform: Perform,
): Promise<Members> {
  const observed = observing(around, actives, call, perform);
  for (const active of actives.filter((each) => concerns(each, call))) {
    const { fault } = active;
    switch (fault.kind) {
      case "throttle":
        if (strikes(active)) throw throttled(call.service);
        break;
      case "error":
        if (!strikes(active)) break;
        if (isDoneBefore({ ...active, fault })) await observed();
        throw failed(active.chance() < HALF);
      case "refuse":
        if (strikes(active)) throw new CloudError(fault.code, fault.message, fault.status);
        break;
      case "timeout":
        if (strikes(active)) return silence(around, { ...active, fault }, observed);
        break;
      case "stale": {
        const late = around.replica.late(call.service, call.operation, call.input, fault.staleMs);
        if (late !== undefined && strikes(active)) return late;
        break;
      }
      default:
        assertNever(fault);
    }
  }
  return observed();
}

/** Performs the call, and lets the lagging replica see what it read or changed. */
function observing(
  { replica }: Around,
  actives: readonly Active<ApiFault>[],
  call: FaultyCall,
  perform: Perform,
): Perform {
  const staleMs = Math.max(0, ...actives.flatMap(({ fault }) => (fault.kind === "stale" ? [fault.staleMs] : [])));
  if (staleMs === 0) return perform;
  return async () => {
    const output = await perform();
    if (canBeStale(call.operation)) replica.remember(call.service, call.operation, call.input, output, staleMs);
    else if (changes(call.operation)) replica.changed(call.service);
    return output;
  };
}

/** A caller that gives up cannot know whether its call was done: half of them were. */
async function silence(
  { clock, waits }: Around,
  active: Active<ApiFault & { kind: "timeout" }>,
  perform: Perform,
): Promise<Members> {
  const { answerAfterMs } = active.fault;
  const done = isDoneBefore(active) ? await perform() : undefined;
  await new Promise<void>((resolve) => void waits.hold(answerAfterMs ?? active.until - clock.now(), resolve));
  if (answerAfterMs !== undefined) return done ?? perform();
  throw new CloudError("RequestTimeout", "The call was not answered in time.", 503);
}
