import type { CreateTagsRequest, DeleteTagsRequest, DescribeTagsRequest, Tag } from "@aws-sdk/client-ec2";
import { CloudError } from "../../errors.ts";
import type { Operation } from "../../service.ts";
import { matching } from "./filter.ts";
import type { Ec2State } from "./state.ts";
import { page, refuseReservedTag, required, type Kind, type Table, type Tagged } from "./table.ts";

/** Tags per resource (EC2 User Guide: tag restrictions). */
const TAGS_MAX = 50;

function tablesOf(state: Ec2State): Table<Tagged>[] {
  return Object.values(state).filter((value): value is Table<Tagged> & typeof value => "kind" in value);
}

function resource(state: Ec2State, id: string): Tagged {
  const found = tablesOf(state)
    .find((table) => table.find(id) !== undefined)
    ?.find(id);
  if (found === undefined) throw new CloudError("InvalidID", `The ID '${id}' is not valid`);
  return found;
}

export const tagList = (tags: Readonly<Record<string, string>>): Tag[] =>
  Object.entries(tags).map(([Key, Value]) => ({ Key, Value }));

/** Adds or overwrites. */
export function setTags(record: Tagged, tags: readonly Tag[]): void {
  const kept = record.tags.filter((old) => !tags.some((tag) => tag.Key === old.Key));
  const all = [...kept, ...tags.map((tag) => ({ Key: tag.Key ?? "", Value: tag.Value ?? "" }))];
  if (all.filter((tag) => !tag.Key?.startsWith("aws:")).length > TAGS_MAX) {
    throw new CloudError("TagLimitExceeded", "You have reached the maximum number of tags on a resource.");
  }
  record.tags = all;
}

function create(state: Ec2State, input: CreateTagsRequest): object {
  const records = required(input.Resources, "resourceIdSet").map((id) => resource(state, id));
  const tags = required(input.Tags, "tagSet");
  for (const tag of tags) refuseReservedTag(tag.Key);
  for (const record of records) setTags(record, tags);
  return {};
}

/** Without a value the key alone decides; without tags every tag of the caller's own goes. */
function remove(state: Ec2State, input: DeleteTagsRequest): object {
  const records = required(input.Resources, "resourceIdSet").map((id) => resource(state, id));
  const doomed = (tag: Tag): boolean =>
    input.Tags === undefined
      ? !tag.Key?.startsWith("aws:")
      : input.Tags.some((one) => one.Key === tag.Key && (one.Value === undefined || one.Value === tag.Value));
  for (const record of records) record.tags = record.tags.filter((tag) => !doomed(tag));
  return {};
}

function describe(state: Ec2State, input: DescribeTagsRequest): object {
  type Line = { kind: Kind; id: string; tag: Tag };
  const lines: Line[] = tablesOf(state).flatMap((table) =>
    table.all().flatMap((record) => record.tags.map((tag) => ({ kind: table.kind, id: record.id, tag }))),
  );
  const fields = {
    "resource-id": (line: Line) => line.id,
    "resource-type": (line: Line) => line.kind.type,
    key: (line: Line) => line.tag.Key,
    value: (line: Line) => line.tag.Value,
  };
  const isWanted = matching(input.Filters, fields);
  const found = lines.filter((line) => isWanted(line, [line.tag]));
  const { rows, ...rest } = page(found, input.MaxResults, input.NextToken);
  return {
    Tags: rows.map(({ kind, id, tag }) => ({
      ResourceId: id,
      ResourceType: kind.type,
      Key: tag.Key,
      Value: tag.Value,
    })),
    ...rest,
  };
}

export const tagOperations = (state: Ec2State): Record<string, Operation> => ({
  CreateTags: (input: CreateTagsRequest) => create(state, input),
  DeleteTags: (input: DeleteTagsRequest) => remove(state, input),
  DescribeTags: (input: DescribeTagsRequest) => describe(state, input),
});

export const tagRecord = (tags: readonly Tag[]): Record<string, string> =>
  Object.fromEntries(tags.map((tag) => [tag.Key ?? "", tag.Value ?? ""]));
