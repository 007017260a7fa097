import { CloudError } from "../errors.ts";
import type { Principal, World } from "../service.ts";
import { entityId } from "./entity.ts";
import type { Role, Roles } from "./roles.ts";

/** Credentials of functions and instances live as long as EC2's do; they are renewed well before. */
const ISSUED_FOR_MS = 6 * 3_600_000;
/** Sessions remembered at a time: far above one farm's functions and machines over the life of a session. */
const SESSIONS_MAX = 50_000;

/** Temporary credentials of a role's session. */
export interface Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string;
  /** Milliseconds since the epoch. */
  readonly expiration: number;
}

interface Identity {
  readonly principal: Principal;
  /** As GetCallerIdentity gives it. */
  readonly userId: string;
  /** Absent for a user's own key. */
  readonly expiration?: number;
}

export interface Identities {
  principalOf(accessKeyId: string): Principal | undefined;
  userIdOf(principal: Principal): string;
  issue(role: Role, sessionName: string, lifeMs?: number): Credentials;
  /** `policies`: ARNs of managed policies. */
  addUser(name: string, accessKeyId: string, policies: readonly string[]): Principal;
  /** ARNs of the managed policies of a user, by the user's ARN. */
  policiesOf(userArn: string): readonly string[];
}

/** The principal of a role's session, as its credentials stand for it. */
export const sessionOf = (world: World, roles: Roles, role: Role, sessionName: string): Principal => ({
  arn: `arn:aws:sts::${world.account}:assumed-role/${role.name}/${sessionName}`,
  account: world.account,
  roleArn: roles.arnOf(role),
});

/** Remembers which access key stands for whom. */
export function openIdentities(world: World, roles: Roles): Identities {
  const byKey = new Map<string, Identity>();
  const attached = new Map<string, readonly string[]>();
  const alive = (identity: Identity): boolean =>
    identity.expiration === undefined || identity.expiration > world.clock.now();
  const makeRoom = (): void => {
    if (byKey.size < SESSIONS_MAX) return;
    for (const [key, identity] of byKey) if (!alive(identity)) byKey.delete(key);
    if (byKey.size >= SESSIONS_MAX) throw new CloudError("LimitExceeded", `more than ${SESSIONS_MAX} sessions`, 409);
  };
  return {
    principalOf(accessKeyId) {
      const identity = byKey.get(accessKeyId);
      return identity !== undefined && alive(identity) ? identity.principal : undefined;
    },
    userIdOf: (principal) =>
      [...byKey.values()].find((one) => one.principal.arn === principal.arn)?.userId ?? principal.arn,
    issue(role, sessionName, lifeMs = ISSUED_FOR_MS) {
      makeRoom();
      if (!/^[\w+=,.@-]{2,64}$/.test(sessionName))
        throw new CloudError(
          "ValidationError",
          `1 validation error detected: Value '${sessionName}' at 'roleSessionName' failed to satisfy constraint: Member must satisfy regular expression pattern: [\\w+=,.@-]*`,
        );
      const expiration = world.clock.now() + lifeMs;
      const accessKeyId = entityId(world, "ASIA").slice(0, 20);
      byKey.set(accessKeyId, {
        principal: sessionOf(world, roles, role, sessionName),
        userId: `${role.id}:${sessionName}`,
        expiration,
      });
      return { accessKeyId, secretAccessKey: world.ids.hex(40), sessionToken: world.ids.hex(128), expiration };
    },
    policiesOf: (userArn) => attached.get(userArn) ?? [],
    addUser(name, accessKeyId, policies) {
      const principal = { arn: `arn:aws:iam::${world.account}:user/${name}`, account: world.account };
      attached.set(principal.arn, policies);
      byKey.set(accessKeyId, { principal, userId: entityId(world, "AIDA") });
      return principal;
    },
  };
}
