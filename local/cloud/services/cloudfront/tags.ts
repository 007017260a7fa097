import type * as Sdk from "@aws-sdk/client-cloudfront";
import { CloudError } from "../../errors.ts";
import { QUOTAS } from "./model.ts";

export function setTags(tags: Map<string, string>, given: Sdk.Tags | undefined): object {
  const wanted = new Map([...tags, ...(given?.Items ?? []).map(({ Key = "", Value = "" }) => [Key, Value] as const)]);
  if (wanted.size > QUOTAS.tags) throw new CloudError("InvalidTagging", `at most ${QUOTAS.tags} tags`);
  for (const [key, value] of wanted) tags.set(key, value);
  return {};
}

export function readTags(given: Sdk.Tags | undefined): Map<string, string> {
  const tags = new Map<string, string>();
  setTags(tags, given);
  return tags;
}
