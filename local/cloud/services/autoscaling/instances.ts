import type * as sdk from "@aws-sdk/client-auto-scaling";
import { given, groupNamed, invalid, memberOf, membersNamed } from "./checks.ts";
import type { Groups } from "./loop.ts";
import { inGrace } from "./steps.ts";
import type { Surroundings } from "./source.ts";

export function instanceOperations({ world }: Surroundings, groups: Groups) {
  return {
    SetInstanceHealth(input: sdk.SetInstanceHealthQuery) {
      const id = given(input.InstanceId, "InstanceId");
      const group = groups.of(id);
      if (group === undefined) throw invalid(`No managed instance found for instance ID: ${id}`);
      const status = given(input.HealthStatus, "HealthStatus");
      if (status !== "Healthy" && status !== "Unhealthy")
        throw invalid(`Health status '${status}' is not Healthy or Unhealthy`);
      const member = memberOf(group, id);
      const respected = (input.ShouldRespectGracePeriod ?? true) && inGrace(group, member, world.clock.now());
      if (status === "Unhealthy" && respected) return {};
      member.health = status;
      if (status === "Unhealthy") member.unhealthyCause = "user";
      else delete member.unhealthyCause;
      groups.wake(group);
      return {};
    },

    SetInstanceProtection(input: sdk.SetInstanceProtectionQuery) {
      const group = groupNamed(groups, input.AutoScalingGroupName);
      const protect = given(input.ProtectedFromScaleIn, "ProtectedFromScaleIn");
      for (const member of membersNamed(group, input.InstanceIds)) member.protectedFromScaleIn = protect;
      groups.wake(group);
      return {};
    },
  };
}
