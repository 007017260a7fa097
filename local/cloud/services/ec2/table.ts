import type { Filter, ResourceType, Tag, TagSpecification } from "@aws-sdk/client-ec2";
import { CloudError } from "../../errors.ts";
import { matching, type Fields } from "./filter.ts";

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

/** What tells one record from every other beside its id; made of what never changes of it. */
export type Distinction<R> = (record: R) => string;

export interface Table<R extends Tagged> {
  readonly kind: Kind;
  all(): R[];
  find(id: string | undefined): R | undefined;
  /** Throws the kind's NotFound. */
  get(id: string | undefined): R;
  /** By the table's distinction; without one of its own that is the id. */
  findBy(distinction: string): R | undefined;
  put(record: R): R;
  remove(id: string): void;
  /** The named records, or all, that match the filters, oldest first. */
  select(ids: readonly string[] | undefined, filters: readonly Filter[] | undefined, fields: Fields<R>): R[];
}

export function table<R extends Tagged>(kind: Kind, distinctionOf: Distinction<R> = ({ id }) => id): Table<R> {
  const rows = new Map<string, R>();
  const distinct = new Map<string, R>();
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
      distinct.set(distinctionOf(record), record);
      return record;
    },
    findBy: (distinction) => distinct.get(distinction),
    remove(id) {
      const row = rows.get(id);
      if (row === undefined) return;
      rows.delete(id);
      distinct.delete(distinctionOf(row));
    },
    select(ids, filters, fields) {
      const named = ids === undefined || ids.length === 0 ? [...rows.values()] : [...new Set(ids)].map(get);
      const isWanted = matching(filters, fields);
      return named.filter((row) => isWanted(row, row.tags));
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

/** What MaxResults may be of most operations (API reference, of each). */
export const RESULTS_MAX = 1_000;
const PAGE_SIZES = { min: 5, max: RESULTS_MAX };

/**
 * Pages as EC2 does: without MaxResults everything is one page. The token is the index of the next record. Throws
 * InvalidNextToken, InvalidParameterValue.
 */
export function page<R>(
  rows: readonly R[],
  maxResults: number | undefined,
  nextToken: string | undefined,
  { min, max }: { readonly min: number; readonly max: number } = PAGE_SIZES,
): { rows: R[]; NextToken?: string } {
  const start = nextToken === undefined ? 0 : Number(nextToken);
  if (!Number.isInteger(start) || start < 0) {
    throw new CloudError("InvalidNextToken", `The token '${nextToken ?? ""}' is invalid`);
  }
  if (maxResults !== undefined && (maxResults < min || maxResults > max)) {
    throw new CloudError(
      "InvalidParameterValue",
      `Value ( ${maxResults} ) for parameter maxResults is invalid. Expecting a value from ${min} to ${max}.`,
    );
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
