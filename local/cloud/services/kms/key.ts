import type * as Sdk from "@aws-sdk/client-kms";
import { CloudError } from "../../errors.ts";
import type { World } from "../../service.ts";

/** https://docs.aws.amazon.com/kms/latest/APIReference/API_ScheduleKeyDeletion.html */
const WAIT_DAYS_DEFAULT = 30;
const WAIT_DAYS_MIN = 7;
const WAIT_DAYS_MAX = 30;
const DAY_MS = 86_400_000;
/** Documented: one rotation a year unless said otherwise. */
export const ROTATION_DAYS_DEFAULT = 365;
/** A farm makes one; AWS's own quota is 100,000. */
const KEYS_MAX = 1000;

/** The members of CreateKey that are carried out; any other is refused by name. */
const KNOWN = new Set([
  "Description",
  "KeySpec",
  "KeyUsage",
  "Origin",
  "Policy",
  "Tags",
  "BypassPolicyLockoutSafetyCheck",
]);

export interface Key {
  readonly id: string;
  readonly arn: string;
  readonly createdAt: number;
  description: string;
  policy: string;
  tags: Map<string, string>;
  enabled: boolean;
  /** Days between rotations; undefined = the material stays. */
  rotationDays: number | undefined;
  /** When it is forgotten, in ms since the epoch; a key that waits for that cannot be used. */
  deletionAt: number | undefined;
}

export interface Keys {
  readonly world: World;
  readonly byId: Map<string, Key>;
  /** Alias name (`alias/...`) -> key id. */
  readonly aliases: Map<string, string>;
}

const notFound = (what: string): CloudError => new CloudError("NotFoundException", `${what} is not found.`);

/** By id, ARN, alias name or alias ARN. Throws NotFoundException. */
export function keyOf({ byId, aliases }: Keys, given: string | undefined): Key {
  const name = (given ?? "").replace(/^arn:aws:kms:[^:]*:[^:]*:(key\/)?/, "");
  const key = byId.get(name.startsWith("alias/") ? (aliases.get(name) ?? "") : name);
  if (key !== undefined) return key;
  throw notFound(name.startsWith("alias/") ? `Alias ${given}` : `Key '${given}'`);
}

/** Throws KMSInvalidStateException for a key that waits for its deletion. */
export function usable(keys: Keys, given: string | undefined): Key {
  const key = keyOf(keys, given);
  if (key.deletionAt === undefined) return key;
  throw new CloudError("KMSInvalidStateException", `${key.arn} is pending deletion.`);
}

export function createKey(keys: Keys, input: Sdk.CreateKeyCommandInput): Key {
  const unknown = Object.entries(input).find(([member, value]) => value !== undefined && !KNOWN.has(member));
  const symmetric =
    (input.KeySpec ?? "SYMMETRIC_DEFAULT") === "SYMMETRIC_DEFAULT" && (input.Origin ?? "AWS_KMS") === "AWS_KMS";
  if (unknown !== undefined || !symmetric || (input.KeyUsage ?? "ENCRYPT_DECRYPT") !== "ENCRYPT_DECRYPT")
    throw new CloudError(
      "UnsupportedOperationException",
      `The embedded cloud has symmetric encryption keys of KMS only${unknown === undefined ? "" : `; ${unknown[0]} is not known`}`,
    );
  if (keys.byId.size >= KEYS_MAX) throw new CloudError("LimitExceededException", `at most ${KEYS_MAX} keys`);
  const { account, region, ids, clock } = keys.world;
  const id = ids.uuid();
  const key: Key = {
    id,
    arn: `arn:aws:kms:${region}:${account}:key/${id}`,
    createdAt: clock.now(),
    description: input.Description ?? "",
    policy: checkedPolicy(input.Policy ?? defaultPolicy(account)),
    tags: new Map((input.Tags ?? []).map(({ TagKey, TagValue }) => [TagKey ?? "", TagValue ?? ""])),
    enabled: true,
    rotationDays: undefined,
    deletionAt: undefined,
  };
  keys.byId.set(id, key);
  return key;
}

const defaultPolicy = (account: string): string =>
  JSON.stringify({
    Version: "2012-10-17",
    Id: "key-default-1",
    Statement: [
      {
        Sid: "Enable IAM User Permissions",
        Effect: "Allow",
        Principal: { AWS: `arn:aws:iam::${account}:root` },
        Action: "kms:*",
        Resource: "*",
      },
    ],
  });

/** Throws MalformedPolicyDocumentException for what is no policy at all. */
export function checkedPolicy(text: string | undefined): string {
  try {
    const parsed: unknown = JSON.parse(text ?? "");
    if (typeof parsed === "object" && parsed !== null && "Statement" in parsed) return JSON.stringify(parsed);
  } catch {
    // Not JSON: refused below, like JSON that is no policy.
  }
  throw new CloudError("MalformedPolicyDocumentException", "The new key policy is not a policy document.");
}

export function scheduleDeletion(keys: Keys, input: Sdk.ScheduleKeyDeletionCommandInput): Key {
  const key = usable(keys, input.KeyId);
  const days = input.PendingWindowInDays ?? WAIT_DAYS_DEFAULT;
  if (days < WAIT_DAYS_MIN || days > WAIT_DAYS_MAX)
    throw new CloudError(
      "ValidationException",
      `PendingWindowInDays ${days}: must be ${WAIT_DAYS_MIN} to ${WAIT_DAYS_MAX}`,
    );
  key.deletionAt = keys.world.clock.now() + days * DAY_MS;
  return key;
}

/** Keys whose waiting time is over are gone, with their aliases. */
export function forgetDeleted({ world, byId, aliases }: Keys): void {
  for (const key of byId.values()) {
    if (key.deletionAt === undefined || key.deletionAt > world.clock.now()) continue;
    byId.delete(key.id);
    for (const [alias, id] of aliases) if (id === key.id) aliases.delete(alias);
  }
}

export const stateOf = (key: Key): "Enabled" | "Disabled" | "PendingDeletion" => {
  if (key.deletionAt !== undefined) return "PendingDeletion";
  return key.enabled ? "Enabled" : "Disabled";
};

export const keyMetadata = (world: World, key: Key): Sdk.KeyMetadata => ({
  AWSAccountId: world.account,
  KeyId: key.id,
  Arn: key.arn,
  CreationDate: new Date(key.createdAt),
  Enabled: stateOf(key) === "Enabled",
  Description: key.description,
  KeyUsage: "ENCRYPT_DECRYPT",
  KeyState: stateOf(key),
  ...(key.deletionAt === undefined ? {} : { DeletionDate: new Date(key.deletionAt) }),
  Origin: "AWS_KMS",
  KeyManager: "CUSTOMER",
  CustomerMasterKeySpec: "SYMMETRIC_DEFAULT",
  KeySpec: "SYMMETRIC_DEFAULT",
  EncryptionAlgorithms: ["SYMMETRIC_DEFAULT"],
  MultiRegion: false,
});
