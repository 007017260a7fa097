import type { Json } from "../engine/json.ts";
import { retag, tagList, tagMap } from "./read.ts";
import type { ResourceContext } from "./resource.ts";

/** Tags given at creation, as the EC2 API takes them. */
export function tagged(resourceType: string, tags: Json | undefined): Record<string, unknown> {
  const Tags = tagList(tagMap(tags));
  return Tags.length === 0 ? {} : { TagSpecifications: [{ ResourceType: resourceType, Tags }] };
}

export const retagEc2 = (
  ctx: ResourceContext,
  id: string,
  before: Json | undefined,
  after: Json | undefined,
): Promise<void> =>
  retag(
    before,
    after,
    (tags) => ctx.call("ec2", "CreateTags", { Resources: [id], Tags: tagList(tags) }),
    (keys) => ctx.call("ec2", "DeleteTags", { Resources: [id], Tags: keys.map((Key) => ({ Key })) }),
  );
