import type * as sdk from "@aws-sdk/client-elasticache";
import { CloudError } from "../../errors.ts";
import { invalidValue, type Store } from "./model.ts";

const TAGS_MAX = 50;

/** Adds the tags; a key that is there gets the new value. */
export function setTags(store: Store, arn: string, tags: readonly sdk.Tag[]): void {
  const own = new Map(store.tags.get(arn));
  for (const { Key, Value } of tags) {
    if (Key === undefined || Key === "" || Key.toLowerCase().startsWith("aws:"))
      throw invalidValue(`The tag key '${Key ?? ""}' is not valid`);
    own.set(Key, Value ?? "");
  }
  if (own.size > TAGS_MAX)
    throw new CloudError("TagQuotaPerResourceExceeded", `${arn} would have more than ${TAGS_MAX} tags`);
  store.tags.set(arn, own);
}

const list = (store: Store, arn: string): { TagList: sdk.Tag[] } => ({
  TagList: [...(store.tags.get(arn) ?? [])].map(([Key, Value]) => ({ Key, Value })),
});

export function tagOperations(store: Store) {
  const known = (arn: string | undefined): string => {
    if (arn !== undefined && store.tags.has(arn)) return arn;
    const [code, status] = arn?.includes(":subnetgroup:")
      ? (["CacheSubnetGroupNotFoundFault", 400] as const)
      : (["CacheClusterNotFound", 404] as const);
    throw new CloudError(code, `${arn ?? "The resource"} is either not present or not available.`, status);
  };
  return {
    AddTagsToResource(input: sdk.AddTagsToResourceMessage): sdk.TagListMessage {
      const arn = known(input.ResourceName);
      setTags(store, arn, input.Tags ?? []);
      return list(store, arn);
    },
    RemoveTagsFromResource(input: sdk.RemoveTagsFromResourceMessage): sdk.TagListMessage {
      const arn = known(input.ResourceName);
      for (const key of input.TagKeys ?? []) store.tags.get(arn)?.delete(key);
      return list(store, arn);
    },
    ListTagsForResource: (input: sdk.ListTagsForResourceMessage): sdk.TagListMessage =>
      list(store, known(input.ResourceName)),
  };
}
