import type * as Sdk from "@aws-sdk/client-cloudfront";
import { CloudError } from "../../errors.ts";
import type { Operation, World } from "../../service.ts";
import { checkVersion, invalid, listed, newId, QUOTAS } from "./model.ts";
import { managedCachePolicies, managedOriginRequestPolicies } from "./managed.ts";

type Kind = "CachePolicy" | "OriginRequestPolicy";
type Config = Sdk.CachePolicyConfig | Sdk.OriginRequestPolicyConfig;

export interface Policy<C extends Config> {
  readonly id: string;
  config: C;
  etag: string;
  modifiedAt: number;
  readonly managed: boolean;
}

/** The policies of one kind: those that AWS manages and those of the account. */
export interface Policies<C extends Config> {
  readonly operations: Readonly<Record<string, Operation>>;
  get(id: string | undefined): Policy<C>;
}

interface Parts<C extends Config> {
  readonly world: World;
  readonly kind: Kind;
  readonly managed: ReadonlyMap<string, C>;
  check(config: C): void;
  /** Names a distribution that uses the policy. */
  userOf(id: string): string | undefined;
  /** A changed policy reaches the edge like a changed distribution. */
  changed(id: string): void;
}

/** The longest a cache may keep anything: ten years are as good as for ever. */
const TTL_SECONDS_MAX = 315_360_000;

export function checkCachePolicy({ Name, MinTTL = 0, DefaultTTL, MaxTTL }: Sdk.CachePolicyConfig): void {
  const [defaultTtl, maxTtl] = [DefaultTTL ?? Math.max(MinTTL, 86_400), MaxTTL ?? Math.max(MinTTL, 31_536_000)];
  if (MinTTL < 0 || maxTtl > TTL_SECONDS_MAX) throw invalid(`A TTL of cache policy ${Name ?? ""} is out of range.`);
  if (MinTTL > defaultTtl || defaultTtl > maxTtl)
    throw invalid(`The parameter MinTTL ≤ DefaultTTL ≤ MaxTTL does not hold in cache policy ${Name ?? ""}.`);
}

/** The policies of a kind, and what every operation on them does. */
function openBook<C extends Config>(parts: Parts<C>) {
  const { kind } = parts;
  const policies = new Map<string, Policy<C>>();
  for (const [id, config] of parts.managed)
    policies.set(id, { id, config, etag: `E${id.slice(0, 8).toUpperCase()}`, modifiedAt: 0, managed: true });

  const get = (id: string | undefined): Policy<C> => {
    const found = policies.get(id ?? "");
    if (found) return found;
    throw new CloudError(`NoSuch${kind}`, `The ${kind} does not exist: ${id ?? ""}`, 404);
  };
  const shown = ({ id, config, modifiedAt }: Policy<C>): object => ({
    Id: id,
    LastModifiedTime: new Date(modifiedAt),
    [`${kind}Config`]: config,
  });
  const answer = (policy: Policy<C>): object => ({ [kind]: shown(policy), ETag: policy.etag });
  const own = (id: string | undefined, change: "Update" | "Delete"): Policy<C> => {
    const policy = get(id);
    if (policy.managed) throw new CloudError(`Illegal${change}`, `A managed policy cannot be changed: ${policy.id}`);
    return policy;
  };
  const checkName = (config: C, except?: string): void => {
    const twin = [...policies.values()].find((one) => one.config.Name === config.Name && one.id !== except);
    if (twin) throw new CloudError(`${kind}AlreadyExists`, `A ${kind} with this name already exists: ${twin.id}`, 409);
  };

  return { policies, get, shown, answer, own, checkName };
}

function open<C extends Config>(parts: Parts<C>): Policies<C> {
  const { world, kind, check } = parts;
  const { policies, get, shown, answer, own, checkName } = openBook(parts);
  const operations: Record<string, Operation> = {
    [`Create${kind}`](input: Readonly<Record<string, C | undefined>>) {
      const config = given(input[`${kind}Config`], `${kind}Config`);
      check(config);
      checkName(config);
      if ([...policies.values()].filter(({ managed }) => !managed).length >= QUOTAS.policiesOfAKind)
        throw new CloudError(
          kind === "CachePolicy" ? "TooManyCachePolicies" : "TooManyOriginRequestPolicies",
          `at most ${QUOTAS.policiesOfAKind} of an account`,
        );
      const id = world.ids.uuid();
      const policy = { id, config, etag: newId(world), modifiedAt: world.clock.now(), managed: false };
      policies.set(id, policy);
      return { ...answer(policy), Location: `https://cloudfront.amazonaws.com/2020-05-31/${kind}/${id}` };
    },
    [`Get${kind}`]: (input: { Id?: string }) => answer(get(input.Id)),
    [`Get${kind}Config`](input: { Id?: string }) {
      const { config, etag } = get(input.Id);
      return { [`${kind}Config`]: config, ETag: etag };
    },
    [`Update${kind}`](input: { Id?: string; IfMatch?: string } & Readonly<Record<string, unknown>>) {
      const policy = own(input.Id, "Update");
      checkVersion(input.IfMatch, policy.etag);
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the wire layer has read this member by the operation's own schema, which is that of C
      const config = given(input[`${kind}Config`], `${kind}Config`) as C;
      check(config);
      checkName(config, policy.id);
      Object.assign(policy, { config, etag: newId(world), modifiedAt: world.clock.now() });
      parts.changed(policy.id);
      return answer(policy);
    },
    [`Delete${kind}`](input: { Id?: string; IfMatch?: string }) {
      const policy = own(input.Id, "Delete");
      checkVersion(input.IfMatch, policy.etag);
      const user = parts.userOf(policy.id);
      if (user !== undefined)
        throw new CloudError(`${kind}InUse`, `The ${kind} is attached to distribution ${user}.`, 409);
      policies.delete(policy.id);
      return {};
    },
    [kind === "CachePolicy" ? "ListCachePolicies" : "ListOriginRequestPolicies"](input: { Type?: string }) {
      const wanted = [...policies.values()].filter(
        ({ managed }) => input.Type === undefined || (input.Type === "managed") === managed,
      );
      const items = wanted.map((policy) => ({ Type: policy.managed ? "managed" : "custom", [kind]: shown(policy) }));
      return { [`${kind}List`]: { MaxItems: items.length, ...listed(items) } };
    },
  };
  return { get, operations };
}

function given<T>(value: T | undefined, member: string): T {
  if (value === undefined) throw new CloudError("MissingBody", `${member} is required.`);
  return value;
}

type Uses = Pick<Parts<Config>, "userOf" | "changed">;

export const openCachePolicies = (world: World, uses: Uses): Policies<Sdk.CachePolicyConfig> =>
  open({ world, kind: "CachePolicy", managed: managedCachePolicies, check: checkCachePolicy, ...uses });

export const openOriginRequestPolicies = (world: World, uses: Uses): Policies<Sdk.OriginRequestPolicyConfig> =>
  open({ world, kind: "OriginRequestPolicy", managed: managedOriginRequestPolicies, check: () => {}, ...uses });
