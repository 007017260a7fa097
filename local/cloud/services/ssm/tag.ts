import type {
  AddTagsToResourceRequest,
  ListTagsForResourceRequest,
  RemoveTagsFromResourceRequest,
  Tag,
} from "@aws-sdk/client-ssm";
import { CloudError } from "../../errors.ts";
import type { Operation } from "../../service.ts";
import type { Documents } from "./document.ts";
import type { ParameterStore } from "./parameter.ts";

const TAGS_MAX = 50;

/** Tags of parameters and documents, the two taggable resources of this world. */
export function tagOperations(parameters: ParameterStore, documents: Documents): Record<string, Operation> {
  const tagsOf = (input: { ResourceType?: string | undefined; ResourceId?: string | undefined }) => {
    const id = input.ResourceId ?? "";
    if (input.ResourceType === "Parameter") return found(() => parameters.tagsOf(id), id);
    if (input.ResourceType === "Document") return found(() => documents.tagsOf(id), id);
    throw new CloudError("InvalidResourceType", `The resource type ${input.ResourceType ?? ""} isn't valid.`);
  };
  return {
    AddTagsToResource(input: AddTagsToResourceRequest) {
      const tags = tagsOf(input);
      const added: Tag[] = input.Tags ?? [];
      const all = [...tags.get().filter((old) => !added.some((tag) => tag.Key === old.Key)), ...added];
      if (all.length > TAGS_MAX) throw new CloudError("TooManyTagsError", `A resource has at most ${TAGS_MAX} tags.`);
      tags.set(all);
      return {};
    },
    RemoveTagsFromResource(input: RemoveTagsFromResourceRequest) {
      const tags = tagsOf(input);
      tags.set(tags.get().filter((tag) => input.TagKeys?.includes(tag.Key ?? "") !== true));
      return {};
    },
    ListTagsForResource: (input: ListTagsForResourceRequest) => ({ TagList: tagsOf(input).get() }),
  };
}

function found<T>(look: () => T, id: string): T {
  try {
    return look();
  } catch (error) {
    if (!(error instanceof CloudError)) throw error;
    throw new CloudError("InvalidResourceId", `The resource ID ${id} isn't valid.`);
  }
}
