import type * as sdk from "@aws-sdk/client-auto-scaling";
import { given, groupNamed, invalid, page } from "./checks.ts";
import { tagOut } from "./describe.ts";
import type { Groups } from "./loop.ts";
import type { Group } from "./model.ts";

/** AWS's quota of tags a resource. */
const TAGS_MAX = 50;

/** On every instance that was launched for a group or attached to it, until it is detached. */
export const GROUP_TAG = "aws:autoscaling:groupName";

/** What a group puts on its instances (Auto Scaling User Guide: EC2 instance tagging lifecycle). */
export const memberTags = (group: Group): Record<string, string> => ({
  ...Object.fromEntries(
    [...group.tags.values()].filter((tag) => tag.propagateAtLaunch).map((tag) => [tag.key, tag.value]),
  ),
  [GROUP_TAG]: group.name,
});

export function putTag(group: Group, tag: sdk.Tag): void {
  const key = given(tag.Key, "Tags.member.Key");
  if (key.startsWith("aws:")) throw invalid("Tag keys starting with 'aws:' are reserved for system use");
  group.tags.set(key, { key, value: tag.Value ?? "", propagateAtLaunch: tag.PropagateAtLaunch ?? false });
  if (group.tags.size > TAGS_MAX) throw invalid(`A group has at most ${TAGS_MAX} tags.`);
}

function matches(tag: sdk.TagDescription, filters: readonly sdk.Filter[]): boolean {
  return filters.every(({ Name, Values = [] }) => {
    switch (Name) {
      case "auto-scaling-group":
        return Values.includes(tag.ResourceId ?? "");
      case "key":
        return Values.includes(tag.Key ?? "");
      case "value":
        return Values.includes(tag.Value ?? "");
      case "propagate-at-launch":
        return Values.includes(String(tag.PropagateAtLaunch));
      default:
        throw invalid(`The filter name '${Name}' is not valid: auto-scaling-group, key, value, propagate-at-launch`);
    }
  });
}

export function tagOperations(groups: Groups) {
  return {
    CreateOrUpdateTags(input: sdk.CreateOrUpdateTagsType) {
      for (const tag of given(input.Tags, "Tags")) putTag(groupNamed(groups, tag.ResourceId), tag);
      return {};
    },

    DeleteTags(input: sdk.DeleteTagsType) {
      for (const tag of given(input.Tags, "Tags"))
        groupNamed(groups, tag.ResourceId).tags.delete(given(tag.Key, "Tags.member.Key"));
      return {};
    },

    DescribeTags(input: sdk.DescribeTagsType): sdk.TagsType {
      const all = [...groups.all.values()].flatMap((group) =>
        [...group.tags.values()].map((tag) => tagOut(group, tag)),
      );
      const { items, ...more } = page(
        all.filter((tag) => matches(tag, input.Filters ?? [])),
        input,
      );
      return { Tags: items, ...more };
    },
  };
}
