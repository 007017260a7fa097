import { TandemError } from "../errors.ts";
import type { Announcement } from "../lifecycle/notice.ts";
import { instanceScope, type Scope } from "../scope.ts";
import { DATABASE_NODES, webGroups, type Spec } from "../spec.ts";

/** What an event asks for. `cause` is for the journal; nothing is decided on it. */
export type Trigger =
  | { readonly kind: "look"; readonly scope: Scope; readonly cause: string }
  /** An instance of the account, of which the event does not say whether it is the farm's. */
  | {
      readonly kind: "locate";
      readonly instanceId: string;
      readonly cause: string;
      /** What no look could find out later: it is kept, if the instance is the farm's. */
      readonly announced?: Announcement;
    }
  | { readonly kind: "ignored"; readonly reason: string }
  | { readonly kind: "rejected"; readonly error: TandemError };

/** The names by which an event is recognised as this farm's. */
export type FarmNames = Pick<Spec, "farm" | "webGroup" | "specialGroup" | "databaseGroups" | "documents">;

export const look = (scope: Scope, cause: string): Trigger => ({ kind: "look", scope, cause });
export const ignored = (reason: string): Trigger => ({ kind: "ignored", reason });

/** The scope that an instance of this Auto Scaling group belongs to; undefined for a group that is not the farm's. */
export function scopeOfGroup(farm: FarmNames, group: string, instanceId: string): Scope | undefined {
  if (webGroups(farm).includes(group)) return instanceScope(instanceId);
  return DATABASE_NODES.some((node) => group === farm.databaseGroups[node]) ? "database" : undefined;
}

const ALARMED: readonly (readonly [string, Scope])[] = [
  ["web", "web"],
  ["special", "special"],
  ["db", "database"],
];

/** The scope that an alarm tells of, by the alarm's name; undefined for an alarm that is not the farm's. */
export function scopeOfAlarm(farm: FarmNames, alarm: string): Scope | undefined {
  return ALARMED.find(([kind]) => alarm.startsWith(`${farm.farm}-${kind}-`))?.[1];
}

/** An event that is not what it should be: `what` says what is wrong, and where. Trying it again cannot help. */
export const badEvent = (what: string): TandemError =>
  new TandemError("bad-event", what, {
    next: "compare the event with the samples in events/, correct it and send it again",
  });
