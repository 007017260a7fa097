import type {
  CreateSecretCommandInput,
  DeleteSecretCommandInput,
  DescribeSecretCommandInput,
  GetSecretValueCommandInput,
  ListSecretsCommandInput,
  ListSecretVersionIdsCommandInput,
  PutSecretValueCommandInput,
  RestoreSecretCommandInput,
  TagResourceCommandInput,
  UntagResourceCommandInput,
  UpdateSecretCommandInput,
  UpdateSecretVersionStageCommandInput,
} from "@aws-sdk/client-secrets-manager";
import { CloudError } from "../../errors.ts";
import type { Operation, Service, World } from "../../service.ts";
import { randomPassword, type PasswordRequest } from "./password.ts";
import { CURRENT, SECRET_BYTES_MAX, Secrets, type Secret, type SecretVersion } from "./store.ts";

const DAY_MS = 24 * 60 * 60 * 1_000;
/** https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_DeleteSecret.html */
const RECOVERY_DAYS_DEFAULT = 30;
const RECOVERY_DAYS_MIN = 7;
const RECOVERY_DAYS_MAX = 30;
/** https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_ListSecrets.html */
const PAGE_MAX = 100;

interface ValueInput {
  readonly SecretString?: string | undefined;
  readonly SecretBinary?: Uint8Array | undefined;
  readonly ClientRequestToken?: string | undefined;
}

const hasValue = (input: ValueInput): boolean => input.SecretString !== undefined || input.SecretBinary !== undefined;

function valueOf(secrets: Secrets, input: ValueInput): { id: string; text?: string; binary?: Uint8Array } {
  if (input.SecretString !== undefined && input.SecretBinary !== undefined)
    throw new CloudError(
      "InvalidParameterException",
      "You can't specify both a binary secret value and a string secret value.",
    );
  const bytes = Buffer.byteLength(input.SecretString ?? input.SecretBinary ?? "");
  if (bytes > SECRET_BYTES_MAX)
    throw new CloudError(
      "InvalidParameterException",
      `A secret value must not be longer than ${SECRET_BYTES_MAX} bytes.`,
    );
  return {
    id: input.ClientRequestToken ?? secrets.world.ids.uuid(),
    ...(input.SecretString !== undefined && { text: input.SecretString }),
    ...(input.SecretBinary !== undefined && { binary: input.SecretBinary }),
  };
}

/** https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_CreateSecret.html */
function checkedName(name: string | undefined): string {
  if (name !== undefined && /^[A-Za-z0-9/_+=.@-]{1,512}$/.test(name)) return name;
  throw new CloudError(
    "ValidationException",
    `Invalid name. Must be a valid name containing alphanumeric characters, or any of the following: -/_+=.@!`,
  );
}

const tagMap = (
  tags: readonly { Key?: string | undefined; Value?: string | undefined }[] | undefined,
): Map<string, string> => new Map((tags ?? []).map(({ Key, Value }) => [Key ?? "", Value ?? ""]));
const tagList = (tags: ReadonlyMap<string, string>): object[] => [...tags].map(([Key, Value]) => ({ Key, Value }));

const named = (secret: Secret, version?: SecretVersion): object => ({
  ARN: secret.arn,
  Name: secret.name,
  ...(version && { VersionId: version.id, VersionStages: [...version.stages] }),
});

function create(secrets: Secrets, input: CreateSecretCommandInput): object {
  const name = checkedName(input.Name);
  const existing = secrets.byName.get(name);
  if (existing?.deletion)
    throw new CloudError(
      "InvalidRequestException",
      "You can't create this secret because a secret with this name is already scheduled for deletion.",
    );
  if (existing) {
    const repeated = input.ClientRequestToken !== undefined && existing.versions.has(input.ClientRequestToken);
    if (!repeated)
      throw new CloudError(
        "ResourceExistsException",
        `The operation failed because the secret ${name} already exists.`,
      );
    const version = secrets.addVersion(existing, valueOf(secrets, input), [CURRENT]);
    return { ARN: existing.arn, Name: name, VersionId: version.id };
  }
  const value = valueOf(secrets, input);
  const { account, region, ids } = secrets.world;
  const secret: Secret = {
    arn: `arn:aws:secretsmanager:${region}:${account}:secret:${name}-${ids.hex(6)}`,
    name,
    createdAt: secrets.now(),
    changedAt: secrets.now(),
    description: input.Description,
    kmsKeyId: input.KmsKeyId,
    versions: new Map(),
    tags: tagMap(input.Tags),
  };
  secrets.byName.set(name, secret);
  const version = hasValue(input) ? secrets.addVersion(secret, value, [CURRENT]) : undefined;
  return { ARN: secret.arn, Name: name, ...(version && { VersionId: version.id }) };
}

function read(secrets: Secrets, input: GetSecretValueCommandInput): object {
  const secret = secrets.live(input.SecretId);
  const version = secrets.version(secret, input.VersionId, input.VersionStage);
  secret.accessedAt = secrets.now();
  return {
    ...named(secret, version),
    CreatedDate: version.createdAt,
    ...(version.text !== undefined && { SecretString: version.text }),
    ...(version.binary !== undefined && { SecretBinary: version.binary }),
  };
}

function put(secrets: Secrets, input: PutSecretValueCommandInput): object {
  const secret = secrets.live(input.SecretId);
  if (!hasValue(input))
    throw new CloudError("InvalidRequestException", "You must provide either SecretString or SecretBinary.");
  const version = secrets.addVersion(secret, valueOf(secrets, input), input.VersionStages ?? [CURRENT]);
  return named(secret, version);
}

function update(secrets: Secrets, input: UpdateSecretCommandInput): object {
  const secret = secrets.live(input.SecretId);
  if (input.Description !== undefined) secret.description = input.Description;
  if (input.KmsKeyId !== undefined) secret.kmsKeyId = input.KmsKeyId;
  secret.changedAt = secrets.now();
  const version = hasValue(input) ? secrets.addVersion(secret, valueOf(secrets, input), [CURRENT]) : undefined;
  return { ARN: secret.arn, Name: secret.name, ...(version && { VersionId: version.id }) };
}

function recoveryDays(input: DeleteSecretCommandInput): number {
  const days = input.RecoveryWindowInDays ?? RECOVERY_DAYS_DEFAULT;
  if (input.ForceDeleteWithoutRecovery && input.RecoveryWindowInDays !== undefined)
    throw new CloudError(
      "InvalidParameterException",
      "You can't use ForceDeleteWithoutRecovery in conjunction with RecoveryWindowInDays.",
    );
  if (days < RECOVERY_DAYS_MIN || days > RECOVERY_DAYS_MAX)
    throw new CloudError(
      "InvalidParameterException",
      `RecoveryWindowInDays must be between ${RECOVERY_DAYS_MIN} and ${RECOVERY_DAYS_MAX}: ${days}`,
    );
  return input.ForceDeleteWithoutRecovery ? 0 : days;
}

function remove(secrets: Secrets, input: DeleteSecretCommandInput): object {
  const days = recoveryDays(input);
  const secret = days === 0 ? secrets.get(input.SecretId) : secrets.live(input.SecretId);
  const at = new Date(secrets.world.clock.now() + days * DAY_MS);
  const forget = (): void => void secrets.byName.delete(secret.name);
  secret.deletion?.timer.cancel();
  if (days === 0) forget();
  else secret.deletion = { at, timer: secrets.world.clock.after(days * DAY_MS, forget) };
  return { ARN: secret.arn, Name: secret.name, DeletionDate: at };
}

function restore(secrets: Secrets, input: RestoreSecretCommandInput): object {
  const secret = secrets.get(input.SecretId);
  secret.deletion?.timer.cancel();
  delete secret.deletion;
  return named(secret);
}

function describe(secret: Secret): Record<string, unknown> {
  const stages = [...secret.versions.values()].filter((version) => version.stages.size > 0);
  return {
    ...named(secret),
    ...(secret.description !== undefined && { Description: secret.description }),
    ...(secret.kmsKeyId !== undefined && { KmsKeyId: secret.kmsKeyId }),
    RotationEnabled: false,
    CreatedDate: secret.createdAt,
    LastChangedDate: secret.changedAt,
    ...(secret.accessedAt && { LastAccessedDate: secret.accessedAt }),
    ...(secret.deletion && { DeletedDate: secret.deletion.at }),
    Tags: tagList(secret.tags),
    VersionIdsToStages: Object.fromEntries(stages.map((version) => [version.id, [...version.stages]])),
  };
}

/** Filters of ListSecrets match the beginning of a word, ignoring case only where AWS does. */
function matches(secret: Secret, input: ListSecretsCommandInput): boolean {
  return (input.Filters ?? []).every(({ Key, Values = [] }) => {
    if (Key === "name") return Values.some((value) => secret.name.startsWith(value));
    if (Key === "tag-key") return Values.some((value) => [...secret.tags.keys()].some((key) => key.startsWith(value)));
    if (Key === "tag-value")
      return Values.some((value) => [...secret.tags.values()].some((one) => one.startsWith(value)));
    throw new CloudError("InvalidParameterException", `the embedded cloud does not filter secrets by ${Key}`);
  });
}

function list(secrets: Secrets, input: ListSecretsCommandInput): object {
  const shown = [...secrets.byName.values()]
    .filter((secret) => (secret.deletion === undefined || input.IncludePlannedDeletion) && matches(secret, input))
    .toSorted((a, b) => (a.name < b.name ? -1 : 1));
  const start = input.NextToken === undefined ? 0 : Number(input.NextToken);
  if (!Number.isInteger(start)) throw new CloudError("InvalidNextTokenException", "The NextToken value is invalid.");
  const end = start + Math.min(input.MaxResults ?? PAGE_MAX, PAGE_MAX);
  const SecretList = shown.slice(start, end).map((secret) => {
    const { VersionIdsToStages, ...entry } = describe(secret);
    return { ...entry, SecretVersionsToStages: VersionIdsToStages };
  });
  return { SecretList, ...(end < shown.length && { NextToken: String(end) }) };
}

function moveStage(secrets: Secrets, input: UpdateSecretVersionStageCommandInput): object {
  const secret = secrets.live(input.SecretId);
  const stage = input.VersionStage ?? "";
  const holder = [...secret.versions.values()].find((version) => version.stages.has(stage));
  if (holder && holder.id !== input.RemoveFromVersionId && holder.id !== input.MoveToVersionId)
    throw new CloudError(
      "InvalidParameterException",
      `The parameter RemoveFromVersionId can't be empty. Staging label ${stage} is currently attached to version ${holder.id}.`,
    );
  if (input.MoveToVersionId === undefined) holder?.stages.delete(stage);
  else secrets.label(secret, secrets.version(secret, input.MoveToVersionId, undefined), stage);
  return { ARN: secret.arn, Name: secret.name };
}

function tag(secrets: Secrets, input: TagResourceCommandInput): object {
  const secret = secrets.live(input.SecretId);
  for (const [key, value] of tagMap(input.Tags)) secret.tags.set(key, value);
  return {};
}

function untag(secrets: Secrets, input: UntagResourceCommandInput): object {
  const secret = secrets.live(input.SecretId);
  for (const key of input.TagKeys ?? []) secret.tags.delete(key);
  return {};
}

function versionIds(secrets: Secrets, input: ListSecretVersionIdsCommandInput): object {
  const secret = secrets.get(input.SecretId);
  const versions = [...secret.versions.values()].filter(
    (version) => version.stages.size > 0 || input.IncludeDeprecated,
  );
  return {
    ARN: secret.arn,
    Name: secret.name,
    Versions: versions.map((version) => ({
      VersionId: version.id,
      VersionStages: [...version.stages],
      CreatedDate: version.createdAt,
    })),
  };
}

const operationsOf = (secrets: Secrets): Record<string, Operation> => ({
  CreateSecret: (input: CreateSecretCommandInput) => create(secrets, input),
  GetSecretValue: (input: GetSecretValueCommandInput) => read(secrets, input),
  PutSecretValue: (input: PutSecretValueCommandInput) => put(secrets, input),
  UpdateSecret: (input: UpdateSecretCommandInput) => update(secrets, input),
  DeleteSecret: (input: DeleteSecretCommandInput) => remove(secrets, input),
  RestoreSecret: (input: RestoreSecretCommandInput) => restore(secrets, input),
  DescribeSecret: (input: DescribeSecretCommandInput) => describe(secrets.get(input.SecretId)),
  ListSecrets: (input: ListSecretsCommandInput) => list(secrets, input),
  ListSecretVersionIds: (input: ListSecretVersionIdsCommandInput) => versionIds(secrets, input),
  UpdateSecretVersionStage: (input: UpdateSecretVersionStageCommandInput) => moveStage(secrets, input),
  TagResource: (input: TagResourceCommandInput) => tag(secrets, input),
  UntagResource: (input: UntagResourceCommandInput) => untag(secrets, input),
  GetRandomPassword: (input: PasswordRequest) => ({ RandomPassword: randomPassword(secrets.world.ids, input) }),
});

/** Secrets Manager in memory: versions with their stages, recovery window, tags, random passwords. */
export function openSecrets(world: World): { readonly service: Service } {
  const secrets = new Secrets(world);
  return {
    service: {
      id: "secretsmanager",
      operations: operationsOf(secrets),
      resourceOf: (_operation, { SecretId, Name }) => {
        const id = typeof SecretId === "string" ? SecretId : typeof Name === "string" ? Name : undefined;
        if (id === undefined) return "*";
        const unknown = id.startsWith("arn:")
          ? id
          : `arn:aws:secretsmanager:${world.region}:${world.account}:secret:${id}`;
        return secrets.find(id)?.arn ?? unknown;
      },
      async close() {
        for (const { deletion } of secrets.byName.values()) deletion?.timer.cancel();
      },
    },
  };
}
