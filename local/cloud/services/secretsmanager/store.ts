import { CloudError } from "../../errors.ts";
import type { World } from "../../service.ts";
import type { Timer } from "../../clock.ts";

export interface SecretVersion {
  readonly id: string;
  readonly createdAt: Date;
  readonly text?: string;
  readonly binary?: Uint8Array;
  /** `AWSCURRENT`, `AWSPREVIOUS` and a caller's own; a version without any is deprecated. */
  readonly stages: Set<string>;
}

export interface Secret {
  readonly arn: string;
  readonly name: string;
  readonly createdAt: Date;
  description?: string | undefined;
  kmsKeyId?: string | undefined;
  changedAt: Date;
  accessedAt?: Date;
  readonly versions: Map<string, SecretVersion>;
  tags: Map<string, string>;
  policy?: string | undefined;
  deletion?: { readonly at: Date; readonly timer: Timer };
}

export const CURRENT = "AWSCURRENT";
export const PREVIOUS = "AWSPREVIOUS";

/** https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_limits.html */
export const SECRET_BYTES_MAX = 65_536;
const VERSIONS_MAX = 100;

/** The secrets of one account. */
export class Secrets {
  readonly world: World;
  readonly byName = new Map<string, Secret>();

  constructor(world: World) {
    this.world = world;
  }

  now(): Date {
    return new Date(this.world.clock.now());
  }

  /** By name, ARN, or ARN without its six random letters. */
  find(id: string | undefined): Secret | undefined {
    const wanted = id ?? "";
    const named = this.byName.get(wanted);
    if (named || !wanted.startsWith("arn:")) return named;
    return [...this.byName.values()].find(({ arn }) => arn === wanted || arn.replace(/-[^-]{6}$/, "") === wanted);
  }

  get(id: string | undefined): Secret {
    const secret = this.find(id);
    if (secret) return secret;
    throw new CloudError("ResourceNotFoundException", "Secrets Manager can't find the specified secret.");
  }

  /** A secret that is not on its way out. */
  live(id: string | undefined): Secret {
    const secret = this.get(id);
    if (secret.deletion === undefined) return secret;
    throw new CloudError(
      "InvalidRequestException",
      "You can't perform this operation on the secret because it was marked for deletion.",
    );
  }

  version(secret: Secret, id: string | undefined, stage: string | undefined): SecretVersion {
    const wanted = stage ?? (id === undefined ? CURRENT : undefined);
    const found = [...secret.versions.values()].find(
      (version) => (id === undefined || version.id === id) && (wanted === undefined || version.stages.has(wanted)),
    );
    if (found) return found;
    const what = wanted === undefined ? `VersionId: ${id}` : `staging label: ${wanted}`;
    throw new CloudError(
      "ResourceNotFoundException",
      `Secrets Manager can't find the specified secret value for ${what}`,
    );
  }

  /** Moves a label; when the current one moves, the version that had it becomes the previous one. */
  label(secret: Secret, version: SecretVersion, stage: string): void {
    const before = [...secret.versions.values()].find((one) => one.stages.has(stage));
    if (before === version) return;
    before?.stages.delete(stage);
    version.stages.add(stage);
    if (stage === CURRENT && before) this.label(secret, before, PREVIOUS);
  }

  /** Adds a version; the same id with the same value again is a repeated request, with another value an error. */
  addVersion(
    secret: Secret,
    given: Omit<SecretVersion, "createdAt" | "stages">,
    stages: readonly string[],
  ): SecretVersion {
    const known = secret.versions.get(given.id);
    if (known) {
      const same = known.text === given.text && Buffer.compare(known.binary ?? empty, given.binary ?? empty) === 0;
      if (same) return known;
      throw new CloudError(
        "ResourceExistsException",
        "A version with this client request token exists with another value.",
      );
    }
    const version: SecretVersion = { ...given, createdAt: this.now(), stages: new Set() };
    secret.versions.set(version.id, version);
    for (const stage of stages) this.label(secret, version, stage);
    secret.changedAt = this.now();
    this.forgetDeprecated(secret);
    return version;
  }

  private forgetDeprecated(secret: Secret): void {
    for (const version of secret.versions.values())
      if (secret.versions.size > VERSIONS_MAX && version.stages.size === 0) secret.versions.delete(version.id);
  }
}

const empty = new Uint8Array();
