import { CloudError } from "../../errors.ts";
import type { Group, Member } from "./model.ts";
import type { Groups } from "./loop.ts";

/** AWS's bound of instances in one AttachInstances, DetachInstances, EnterStandby or SetInstanceProtection. */
export const INSTANCES_PER_CALL = 20;

/** Records of one page: without MaxRecords, and at most. The same for most operations (API reference, of each). */
export interface PageSizes {
  readonly usual: number;
  readonly max: number;
}
const PAGE: PageSizes = { usual: 50, max: 100 };
/** Of instances, in a group or its warm pool. */
export const INSTANCES_PAGE: PageSizes = { usual: 50, max: 50 };
/** Of activities and target groups. */
export const LARGE_PAGE: PageSizes = { usual: 100, max: 100 };

export const invalid = (message: string): CloudError => new CloudError("ValidationError", message);

/** A required member; the wire layer has checked it already, so a missing one is refused in the same way. */
export function given<T>(value: T | undefined, name: string): T {
  if (value === undefined) throw invalid(`The request must contain the parameter ${name}`);
  return value;
}

export function groupNamed(groups: Groups, name: string | undefined): Group {
  const group = groups.all.get(given(name, "AutoScalingGroupName"));
  if (group === undefined) throw invalid(`AutoScalingGroup name not found - AutoScalingGroup '${name}' not found`);
  return group;
}

export function memberOf(group: Group, instanceId: string): Member {
  const member = group.members.get(instanceId);
  if (member === undefined)
    throw invalid(`The instance ${instanceId} is not part of Auto Scaling group ${group.name}.`);
  return member;
}

export function membersNamed(group: Group, ids: readonly string[] | undefined): readonly Member[] {
  const named = given(ids, "InstanceIds");
  if (named.length === 0 || named.length > INSTANCES_PER_CALL)
    throw invalid(`InstanceIds must name between 1 and ${INSTANCES_PER_CALL} instances`);
  return named.map((id) => memberOf(group, id));
}

/** A member that was given but that this cloud does not act on would be ignored in silence: it is refused by name. */
export function refuseUnknown(operation: string, input: object, known: readonly string[]): void {
  const unknown = Object.entries(input).find(([name, value]) => value !== undefined && !known.includes(name));
  if (unknown !== undefined) throw invalid(`${operation}: the embedded cloud does not support ${unknown[0]}`);
}

/** One page; the token is the position of the next item. */
export function page<T>(
  items: readonly T[],
  { MaxRecords, NextToken }: { MaxRecords?: number | undefined; NextToken?: string | undefined },
  { usual, max }: PageSizes = PAGE,
): { items: T[]; NextToken?: string } {
  const size = MaxRecords ?? usual;
  if (size < 1 || size > max) throw invalid(`MaxRecords must be between 1 and ${max}, not ${size}`);
  const from = NextToken === undefined ? 0 : Number(NextToken);
  if (!Number.isInteger(from) || from < 0)
    throw new CloudError("InvalidNextToken", `The token '${NextToken}' is invalid.`);
  const next = from + size;
  return { items: items.slice(from, next), ...(next < items.length ? { NextToken: String(next) } : {}) };
}
