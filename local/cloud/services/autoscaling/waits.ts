import type { Member } from "./model.ts";
import type { Sight, Step } from "./steps.ts";

/** When the group ends the wait by itself, in milliseconds of the epoch. */
export const waitEndsAt = (member: Member): number =>
  member.wait === undefined ? Number.POSITIVE_INFINITY : Math.min(member.wait.heartbeatEndsAt, member.wait.endsAt);

export const waitStep = (member: Member, nowMs: number): Step | undefined =>
  nowMs >= waitEndsAt(member) ? { kind: "time-out", member } : undefined;

export const drained = (member: Member, sight: Sight, nowMs: number): boolean =>
  !sight.draining || nowMs >= (member.drainEndsAt ?? 0);
