import type * as Sdk from "@aws-sdk/client-kms";
import { CloudError } from "../../errors.ts";
import type { Operation, Service, World } from "../../service.ts";
import {
  checkedPolicy,
  createKey,
  forgetDeleted,
  keyMetadata,
  keyOf,
  ROTATION_DAYS_DEFAULT,
  scheduleDeletion,
  usable,
  type Key,
  type Keys,
} from "./key.ts";

/** Documented: at most 50 tags; a page of keys or aliases has at most 1000. */
const TAGS_MAX = 50;

/**
 * Keys as records: their policies, rotation, aliases and deletion. Nothing is encrypted in this world, so the operations
 * that encrypt are not known here and fail by name.
 */
export function openKms(world: World): { readonly service: Service } {
  const keys: Keys = { world, byId: new Map(), aliases: new Map() };
  const operations = {
    ...keyOperations(keys),
    ...stateOperations(keys),
    ...aliasOperations(keys),
    ...tagOperations(keys),
  };
  return {
    service: {
      id: "kms",
      operations: Object.fromEntries(
        Object.entries(operations).map(([name, run]: [string, Operation]): [string, Operation] => [
          name,
          (input, call) => {
            forgetDeleted(keys);
            return run(input, call);
          },
        ]),
      ),
      resourceOf(_operation, input) {
        const given = input["KeyId"] ?? input["TargetKeyId"];
        if (typeof given !== "string") return "*";
        return given.startsWith("arn:") ? given : `arn:aws:kms:${world.region}:${world.account}:key/${given}`;
      },
    },
  };
}

function keyOperations(keys: Keys): Record<string, Operation> {
  const shown = (key: Key): object => ({ KeyMetadata: keyMetadata(keys.world, key) });
  return {
    CreateKey: (input: Sdk.CreateKeyCommandInput) => shown(createKey(keys, input)),
    DescribeKey: (input: Sdk.DescribeKeyCommandInput) => shown(keyOf(keys, input.KeyId)),
    ListKeys: () => ({
      Keys: [...keys.byId.values()].map(({ id, arn }) => ({ KeyId: id, KeyArn: arn })),
      Truncated: false,
    }),
    GetKeyPolicy: (input: Sdk.GetKeyPolicyCommandInput) => ({
      Policy: keyOf(keys, input.KeyId).policy,
      PolicyName: "default",
    }),
    PutKeyPolicy(input: Sdk.PutKeyPolicyCommandInput) {
      usable(keys, input.KeyId).policy = checkedPolicy(input.Policy);
      return {};
    },
    UpdateKeyDescription(input: Sdk.UpdateKeyDescriptionCommandInput) {
      usable(keys, input.KeyId).description = input.Description ?? "";
      return {};
    },
  };
}

function stateOperations(keys: Keys): Record<string, Operation> {
  return {
    EnableKey(input: Sdk.EnableKeyCommandInput) {
      usable(keys, input.KeyId).enabled = true;
      return {};
    },
    DisableKey(input: Sdk.DisableKeyCommandInput) {
      usable(keys, input.KeyId).enabled = false;
      return {};
    },
    EnableKeyRotation(input: Sdk.EnableKeyRotationCommandInput) {
      usable(keys, input.KeyId).rotationDays = input.RotationPeriodInDays ?? ROTATION_DAYS_DEFAULT;
      return {};
    },
    DisableKeyRotation(input: Sdk.DisableKeyRotationCommandInput) {
      usable(keys, input.KeyId).rotationDays = undefined;
      return {};
    },
    GetKeyRotationStatus(input: Sdk.GetKeyRotationStatusCommandInput) {
      const { arn, rotationDays } = keyOf(keys, input.KeyId);
      return {
        KeyId: arn,
        KeyRotationEnabled: rotationDays !== undefined,
        ...(rotationDays === undefined ? {} : { RotationPeriodInDays: rotationDays }),
      };
    },
    ScheduleKeyDeletion(input: Sdk.ScheduleKeyDeletionCommandInput) {
      const key = scheduleDeletion(keys, input);
      return { KeyId: key.arn, DeletionDate: new Date(key.deletionAt ?? 0), KeyState: "PendingDeletion" };
    },
    CancelKeyDeletion(input: Sdk.CancelKeyDeletionCommandInput) {
      const key = keyOf(keys, input.KeyId);
      if (key.deletionAt === undefined)
        throw new CloudError("KMSInvalidStateException", `${key.arn} is not pending deletion.`);
      key.deletionAt = undefined;
      // As AWS does: it has to be enabled by hand.
      key.enabled = false;
      return { KeyId: key.arn };
    },
  };
}

/** `alias/aws/...` belongs to AWS's own keys. */
function checkedAlias(name: string | undefined): string {
  if (name !== undefined && /^alias\/(?!aws\/)[a-zA-Z0-9/_-]{1,250}$/.test(name)) return name;
  throw new CloudError(
    "InvalidAliasNameException",
    `Alias must start with the prefix "alias/" and not with "alias/aws/": ${name}`,
  );
}

function aliasOperations(keys: Keys): Record<string, Operation> {
  const { world, aliases } = keys;
  const present = (name: string | undefined): string => {
    if (name !== undefined && aliases.has(name)) return name;
    throw new CloudError(
      "NotFoundException",
      `Alias arn:aws:kms:${world.region}:${world.account}:${name} is not found.`,
    );
  };
  return {
    CreateAlias(input: Sdk.CreateAliasCommandInput) {
      const name = checkedAlias(input.AliasName);
      if (aliases.has(name))
        throw new CloudError("AlreadyExistsException", `An alias with the name ${name} already exists`);
      aliases.set(name, usable(keys, input.TargetKeyId).id);
      return {};
    },
    UpdateAlias(input: Sdk.UpdateAliasCommandInput) {
      aliases.set(present(input.AliasName), usable(keys, input.TargetKeyId).id);
      return {};
    },
    DeleteAlias(input: Sdk.DeleteAliasCommandInput) {
      aliases.delete(present(input.AliasName));
      return {};
    },
    ListAliases(input: Sdk.ListAliasesCommandInput) {
      const of = input.KeyId === undefined ? undefined : keyOf(keys, input.KeyId).id;
      const Aliases = [...aliases]
        .filter(([, id]) => of === undefined || id === of)
        .map(([AliasName, TargetKeyId]) => ({
          AliasName,
          AliasArn: `arn:aws:kms:${world.region}:${world.account}:${AliasName}`,
          TargetKeyId,
        }));
      return { Aliases, Truncated: false };
    },
  };
}

function tagOperations(keys: Keys): Record<string, Operation> {
  return {
    TagResource(input: Sdk.TagResourceCommandInput) {
      const { tags } = usable(keys, input.KeyId);
      for (const { TagKey = "", TagValue = "" } of input.Tags ?? []) tags.set(TagKey, TagValue);
      if (tags.size > TAGS_MAX) throw new CloudError("TagException", `at most ${TAGS_MAX} tags`);
      return {};
    },
    UntagResource(input: Sdk.UntagResourceCommandInput) {
      const { tags } = usable(keys, input.KeyId);
      for (const key of input.TagKeys ?? []) tags.delete(key);
      return {};
    },
    ListResourceTags: (input: Sdk.ListResourceTagsCommandInput) => ({
      Tags: [...keyOf(keys, input.KeyId).tags].map(([TagKey, TagValue]) => ({ TagKey, TagValue })),
      Truncated: false,
    }),
  };
}
