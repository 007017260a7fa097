import type { Filter, ResourceType, Tag, TagSpecification } from "@aws-sdk/client-ec2";
import { CloudError } from "../../errors.ts";
import { matches, type Fields } from "./filter.ts";

/** Every record of EC2 that has an id and can be tagged. */
export interface Tagged {
  readonly id: string;
  tags: Tag[];
}

export interface Kind {
  /** As in tag specifications and ARNs, e.g. `security-group`. */
  readonly type: ResourceType;
  readonly notFound: string;
  /** As EC2's messages call it: "The vpc ID 'vpc-1' does not exist". */
  readonly noun: string;
}

export interface Table<R extends Tagged> {
  readonly kind: Kind;
  all(): R[];
  find(id: string | undefined): R | undefined;
  /** Throws the kind's NotFound. */
  get(id: string | undefined): R;
  put(record: R): R;
  remove(id: string): void;
  /** The named records, or all, that match the filters, oldest first. */
  select(ids: readonly string[] | undefined, filters: readonly Filter[] | undefined, fields: Fields<R>): R[];
}

export function table<R extends Tagged>(kind: Kind): Table<R> {
  const rows = new Map<string, R>();
  const get = (id: string | undefined): R => {
    const row = id === undefined ? undefined : rows.get(id);
    if (row === undefined) throw new CloudError(kind.notFound, `The ${kind.noun} ID '${id ?? ""}' does not exist`);
    return row;
  };
  return {
    kind,
    get,
    all: () => [...rows.values()],
    find: (id) => (id === undefined ? undefined : rows.get(id)),
    put(record) {
      rows.set(record.id, record);
      return record;
    },
    remove: (id) => void rows.delete(id),
    select(ids, filters, fields) {
      const named = ids === undefined || ids.length === 0 ? [...rows.values()] : [...new Set(ids)].map(get);
      return named.filter((row) => matches(row, filters, fields, row.tags));
    },
  };
}

/** Tags that a create call's TagSpecifications give to a resource of `type`. */
export function tagsFor(specifications: readonly TagSpecification[] | undefined, type: ResourceType): Tag[] {
  const tags = (specifications ?? []).filter((one) => one.ResourceType === type).flatMap((one) => one.Tags ?? []);
  for (const tag of tags) refuseReservedTag(tag.Key);
  return tags.map((tag) => ({ Key: tag.Key ?? "", Value: tag.Value ?? "" }));
}

/** `aws:` keys belong to AWS's own services (Using tags, EC2 User Guide: tag restrictions). */
export function refuseReservedTag(key: string | undefined): void {
  if (key?.toLowerCase().startsWith("aws:") === true) {
    throw new CloudError("InvalidParameterValue", "Tag keys starting with 'aws:' are reserved for internal use");
  }
}

/** Pages as EC2 does: without MaxResults everything is one page. The token is the index of the next record. */
export function page<R>(
  rows: readonly R[],
  maxResults: number | undefined,
  nextToken: string | undefined,
): { rows: R[]; NextToken?: string } {
  const start = nextToken === undefined ? 0 : Number(nextToken);
  if (!Number.isInteger(start) || start < 0) {
    throw new CloudError("InvalidNextToken", `The token '${nextToken ?? ""}' is invalid`);
  }
  const end = maxResults === undefined ? rows.length : start + maxResults;
  return { rows: rows.slice(start, end), ...(end < rows.length && { NextToken: String(end) }) };
}

export function required<T>(value: T | undefined, name: string): T {
  if (value === undefined) {
    throw new CloudError("MissingParameter", `The request must contain the parameter ${name}`);
  }
  return value;
}
