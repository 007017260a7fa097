import type { Emit } from "../../bus/emit.ts";
import type { Timer } from "../../clock.ts";
import { CloudError } from "../../errors.ts";
import type { InstanceRow, Power } from "./instance.ts";
import type { Ec2State } from "./state.ts";

/** From the warning to the end of a Spot instance (EC2 User Guide: Spot Instance interruption notices). */
export const SPOT_WARNING_MS = 120_000;

/**
 * What EC2 and AWS Health do to instances on their own account. An instance here is no Spot instance, whose price and
 * request this cloud does not know; it is told and treated like one. All throw CloudError for an instance that does not run.
 */
export interface Interruptions {
  /** The warning, and the end of the instance two minutes later, whatever has become of it by then. */
  spotWarning(instanceId: string): void;
  /** A recommendation only: nothing follows from it. */
  rebalance(instanceId: string): void;
  /** AWS plans to retire the host: announced now, and after `inMs` the instance is stopped. */
  health(instanceId: string, inMs: number): void;
  close(): void;
}

export function openInterruptions(state: Ec2State, power: Power, emit: Emit): Interruptions {
  const { clock, ids, account, region } = state.world;
  const timers = new Set<Timer>();

  const running = (instanceId: string): InstanceRow => {
    const row = state.instances.get(instanceId);
    if (row.state === "running") return row;
    throw new CloudError("IncorrectInstanceState", `The instance '${instanceId}' is ${row.state}, not running.`);
  };
  const later = (ms: number, act: () => void): void => {
    const timer: Timer = clock.after(ms, () => {
      timers.delete(timer);
      act();
    });
    timers.add(timer);
  };
  // These two name the zone in the ARN, where other events have the region, and no account.
  const announce = (row: InstanceRow, detailType: string, detail: Record<string, string>): void =>
    emit({
      source: "aws.ec2",
      detailType,
      detail: { "instance-id": row.id, ...detail },
      resources: [`arn:aws:ec2:${row.availabilityZone}:instance/${row.id}`],
    });

  return {
    spotWarning(instanceId) {
      const row = running(instanceId);
      announce(row, "EC2 Spot Instance Interruption Warning", { "instance-action": "terminate" });
      const reason = "Server.SpotInstanceTermination";
      later(SPOT_WARNING_MS, () =>
        power.terminate(row, { Code: reason, Message: `${reason}: Spot instance termination` }),
      );
    },
    rebalance(instanceId) {
      announce(running(instanceId), "EC2 Instance Rebalance Recommendation", {});
    },
    health(instanceId, inMs) {
      const row = running(instanceId);
      const code = "AWS_EC2_PERSISTENT_INSTANCE_RETIREMENT_SCHEDULED";
      const text = (ms: number): string => new Date(ms).toUTCString();
      emit({
        source: "aws.health",
        detailType: "AWS Health Event",
        resources: [instanceId],
        detail: {
          eventArn: `arn:aws:health:${region}::event/EC2/${code}/${ids.uuid()}`,
          service: "EC2",
          eventTypeCode: code,
          eventTypeCategory: "scheduledChange",
          eventScopeCode: "ACCOUNT_SPECIFIC",
          communicationId: `${ids.hex(40)}-1`,
          startTime: text(clock.now() + inMs),
          lastUpdatedTime: text(clock.now()),
          statusCode: "upcoming",
          eventRegion: region,
          eventDescription: [{ language: "en_US", latestDescription: "The host of this instance is to be retired." }],
          affectedEntities: [{ entityValue: instanceId, lastUpdatedTime: text(clock.now()), status: "PENDING" }],
          affectedAccount: account,
          page: "1",
          totalPages: "1",
        },
      });
      later(inMs, () => {
        if (row.state === "running") power.stop(row);
      });
    },
    close() {
      for (const timer of timers) timer.cancel();
      timers.clear();
    },
  };
}
