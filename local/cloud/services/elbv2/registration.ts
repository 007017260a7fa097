import type * as sdk from "@aws-sdk/client-elastic-load-balancing-v2";
import { given, refuseUnknown } from "./checks.ts";
import type { Target, TargetGroup } from "./model.ts";
import { groupOf, type Store } from "./store.ts";
import type { Targets } from "./targets.ts";

const healthOut = (group: TargetGroup, target: Target): sdk.TargetHealthDescription => ({
  Target: { Id: target.id, Port: target.port },
  HealthCheckPort: group.check.port === "traffic-port" ? String(target.port) : group.check.port,
  TargetHealth: {
    State: target.state,
    ...(target.reason === undefined ? {} : { Reason: target.reason }),
    ...(target.description === undefined ? {} : { Description: target.description }),
  },
});

const unregistered = (group: TargetGroup, Id: string | undefined, Port = group.port): sdk.TargetHealthDescription => ({
  Target: { Id, Port },
  TargetHealth: {
    State: "unused",
    Reason: "Target.NotRegistered",
    Description: "Target is not registered to the target group",
  },
});

export function registrationOperations(store: Store, targets: Targets) {
  return {
    RegisterTargets(input: sdk.RegisterTargetsInput) {
      const group = groupOf(store, input.TargetGroupArn);
      for (const target of given(input.Targets, "Targets"))
        targets.register(group, { id: given(target.Id, "Targets.member.Id"), port: target.Port });
      return {};
    },

    DeregisterTargets(input: sdk.DeregisterTargetsInput) {
      const group = groupOf(store, input.TargetGroupArn);
      for (const target of given(input.Targets, "Targets"))
        targets.deregister(group, given(target.Id, "Targets.member.Id"), target.Port);
      return {};
    },

    /** A target that was named but is not registered answers `unused`. */
    DescribeTargetHealth(input: sdk.DescribeTargetHealthInput): sdk.DescribeTargetHealthOutput {
      refuseUnknown("DescribeTargetHealth", input, ["TargetGroupArn", "Targets"]);
      const group = groupOf(store, input.TargetGroupArn);
      const held = [...group.targets.values()];
      if (input.Targets === undefined || input.Targets.length === 0)
        return { TargetHealthDescriptions: held.map((target) => healthOut(group, target)) };
      const named = input.Targets.flatMap(({ Id, Port }) => {
        const found = held.filter((target) => target.id === Id && (Port === undefined || target.port === Port));
        return found.length > 0 ? found.map((target) => healthOut(group, target)) : [unregistered(group, Id, Port)];
      });
      return { TargetHealthDescriptions: named };
    },
  };
}
