import type * as sdk from "@aws-sdk/client-efs";
import { failure, fileSystemOf, type FileSystem, type Store } from "./model.ts";

const TAGS_MAX = 50;

export const tagList = (tags: ReadonlyMap<string, string>): { Key: string; Value: string }[] =>
  [...tags].map(([Key, Value]) => ({ Key, Value }));

export function setTags(one: FileSystem, tags: readonly sdk.Tag[]): void {
  for (const { Key, Value } of tags) {
    if (Key === undefined || Key === "" || Key.toLowerCase().startsWith("aws:"))
      throw failure("BadRequest", `The tag key '${Key ?? ""}' is not valid`);
    one.tags.set(Key, Value ?? "");
  }
  if (one.tags.size > TAGS_MAX) throw failure("BadRequest", `${one.id} would have more than ${TAGS_MAX} tags`);
}

export function tagOperations(store: Store) {
  return {
    TagResource(input: sdk.TagResourceRequest) {
      setTags(fileSystemOf(store, input.ResourceId), input.Tags ?? []);
      return {};
    },
    UntagResource(input: sdk.UntagResourceRequest) {
      const one = fileSystemOf(store, input.ResourceId);
      for (const key of input.TagKeys ?? []) one.tags.delete(key);
      return {};
    },
    ListTagsForResource: (input: sdk.ListTagsForResourceRequest): sdk.ListTagsForResourceResponse => ({
      Tags: tagList(fileSystemOf(store, input.ResourceId).tags),
    }),
  };
}
