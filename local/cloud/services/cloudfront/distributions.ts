import type * as Sdk from "@aws-sdk/client-cloudfront";
import { CloudError } from "../../errors.ts";
import type { Operation, World } from "../../service.ts";
import { compile, type PolicyBook } from "./compile.ts";
import type { EdgeNetwork, EdgeOutcome } from "./edge.ts";
import { checkVersion, DEPLOY_MS, invalid, newId, paged, QUOTAS, type Distribution } from "./model.ts";
import { readTags, setTags } from "./tags.ts";

const EMPTY = { Quantity: 0 };

/** Members that CloudFront fills in; clients read the whole configuration back and compare it with what they want. */
const filledIn = (config: Sdk.DistributionConfig): Sdk.DistributionConfig => ({
  ...config,
  Aliases: config.Aliases ?? EMPTY,
  DefaultRootObject: config.DefaultRootObject ?? "",
  CacheBehaviors: config.CacheBehaviors ?? EMPTY,
  CustomErrorResponses: config.CustomErrorResponses ?? EMPTY,
  OriginGroups: config.OriginGroups ?? EMPTY,
  PriceClass: config.PriceClass ?? "PriceClass_All",
  ViewerCertificate: config.ViewerCertificate ?? {
    CloudFrontDefaultCertificate: true,
    MinimumProtocolVersion: "TLSv1",
    CertificateSource: "cloudfront",
  },
  Restrictions: config.Restrictions ?? { GeoRestriction: { RestrictionType: "none", Quantity: 0 } },
  WebACLId: config.WebACLId ?? "",
  HttpVersion: config.HttpVersion ?? "http2",
  IsIPV6Enabled: config.IsIPV6Enabled ?? false,
  Staging: false,
});

const domainOf = ({ listener }: Distribution): string => listener?.domainName ?? "";

const shown = (distribution: Distribution): Sdk.Distribution => ({
  Id: distribution.id,
  ARN: distribution.arn,
  Status: distribution.status,
  LastModifiedTime: new Date(distribution.modifiedAt),
  InProgressInvalidationBatches: [...distribution.invalidations.values()].filter((one) => one.status === "InProgress")
    .length,
  DomainName: domainOf(distribution),
  ActiveTrustedSigners: { Enabled: false, Quantity: 0 },
  ActiveTrustedKeyGroups: { Enabled: false, Quantity: 0 },
  DistributionConfig: distribution.config,
});

const summary = (distribution: Distribution): object => {
  const { CallerReference: _reference, DefaultRootObject: _root, Logging: _logging, ...config } = distribution.config;
  return {
    ...config,
    Id: distribution.id,
    ARN: distribution.arn,
    ETag: distribution.etag,
    Status: distribution.status,
    LastModifiedTime: new Date(distribution.modifiedAt),
    DomainName: domainOf(distribution),
  };
};

export interface DistributionParts {
  readonly world: World;
  readonly network: EdgeNetwork;
  readonly book: PolicyBook;
  readonly all: Map<string, Distribution>;
  record(id: string, outcome: EdgeOutcome): void;
}

export const distributionOf = (all: ReadonlyMap<string, Distribution>, id: string | undefined): Distribution => {
  const found = all.get(id ?? "");
  if (found) return found;
  throw new CloudError("NoSuchDistribution", `The specified distribution does not exist: ${id ?? ""}`, 404);
};

/** An alternate name belongs to one distribution in the world. */
function checkFree({ all }: DistributionParts, config: Sdk.DistributionConfig, self?: string): void {
  const names = (config.Aliases?.Items ?? []).map((name) => name.toLowerCase());
  for (const { id, config: other } of all.values()) {
    const taken = id === self ? undefined : other.Aliases?.Items?.find((name) => names.includes(name.toLowerCase()));
    if (taken === undefined) continue;
    throw new CloudError(
      "CNAMEAlreadyExists",
      `One or more of the CNAMEs you provided are already associated with a different resource: ${taken}`,
      409,
    );
  }
}

/** Brings the newest configuration to the edge after a while; an update meanwhile starts that while again. */
export function deploy({ world, book }: Pick<DistributionParts, "world" | "book">, distribution: Distribution): void {
  distribution.status = "InProgress";
  distribution.deploying?.cancel();
  distribution.deploying = world.clock.after(DEPLOY_MS, () => {
    distribution.served = compile(distribution.config, book);
    distribution.status = "Deployed";
    distribution.deploying = undefined;
  });
}

async function create(
  parts: DistributionParts,
  given: Sdk.DistributionConfig | undefined,
  tags: Sdk.Tags | undefined,
): Promise<Distribution> {
  const { world, all, book, network } = parts;
  if (given === undefined) throw new CloudError("MissingBody", "DistributionConfig is required.");
  compile(given, book);
  checkFree(parts, given);
  if ([...all.values()].some(({ callerReference }) => callerReference === given.CallerReference))
    throw new CloudError(
      "DistributionAlreadyExists",
      "The caller reference that you are using to create a distribution is associated with another distribution.",
      409,
    );
  if (all.size >= QUOTAS.distributions)
    throw new CloudError("TooManyDistributions", `at most ${QUOTAS.distributions} distributions`);
  const id = newId(world);
  const distribution: Distribution = {
    id,
    arn: `arn:aws:cloudfront::${world.account}:distribution/${id}`,
    callerReference: given.CallerReference ?? "",
    config: filledIn(given),
    etag: newId(world),
    status: "InProgress",
    modifiedAt: world.clock.now(),
    tags: readTags(tags),
    invalidations: new Map(),
    served: undefined,
    listener: undefined,
    deploying: undefined,
  };
  all.set(id, distribution);
  try {
    distribution.listener = await network.open({
      id,
      config: () => distribution.served,
      served: (outcome) => parts.record(id, outcome),
    });
  } catch (error) {
    all.delete(id);
    throw error;
  }
  deploy(parts, distribution);
  return distribution;
}

function update(parts: DistributionParts, input: Sdk.UpdateDistributionCommandInput): Distribution {
  const distribution = distributionOf(parts.all, input.Id);
  checkVersion(input.IfMatch, distribution.etag);
  const config = input.DistributionConfig;
  if (config === undefined) throw new CloudError("MissingBody", "DistributionConfig is required.");
  if (config.CallerReference !== distribution.callerReference)
    throw new CloudError("IllegalUpdate", "The caller reference of a distribution cannot be changed.");
  compile(config, parts.book);
  checkFree(parts, config, distribution.id);
  distribution.config = filledIn(config);
  distribution.etag = newId(parts.world);
  distribution.modifiedAt = parts.world.clock.now();
  deploy(parts, distribution);
  return distribution;
}

async function remove({ all }: DistributionParts, input: Sdk.DeleteDistributionCommandInput): Promise<void> {
  const distribution = distributionOf(all, input.Id);
  checkVersion(input.IfMatch, distribution.etag);
  if (distribution.config.Enabled === true || distribution.status !== "Deployed")
    throw new CloudError(
      "DistributionNotDisabled",
      "The distribution you are trying to delete has not been disabled.",
      409,
    );
  all.delete(distribution.id);
  await distribution.listener?.close();
}

export function distributionOperations(parts: DistributionParts): Readonly<Record<string, Operation>> {
  const { all } = parts;
  const created = (distribution: Distribution): object => ({
    Distribution: shown(distribution),
    Location: `https://cloudfront.amazonaws.com/2020-05-31/distribution/${distribution.id}`,
    ETag: distribution.etag,
  });
  return {
    CreateDistribution: async (input: Sdk.CreateDistributionCommandInput) =>
      created(await create(parts, input.DistributionConfig, undefined)),
    CreateDistributionWithTags: async ({
      DistributionConfigWithTags: both,
    }: Sdk.CreateDistributionWithTagsCommandInput) =>
      created(await create(parts, both?.DistributionConfig, both?.Tags)),
    GetDistribution(input: Sdk.GetDistributionCommandInput) {
      const distribution = distributionOf(all, input.Id);
      return { Distribution: shown(distribution), ETag: distribution.etag };
    },
    GetDistributionConfig(input: Sdk.GetDistributionConfigCommandInput) {
      const { config, etag } = distributionOf(all, input.Id);
      return { DistributionConfig: config, ETag: etag };
    },
    UpdateDistribution(input: Sdk.UpdateDistributionCommandInput) {
      const distribution = update(parts, input);
      return { Distribution: shown(distribution), ETag: distribution.etag };
    },
    DeleteDistribution: (input: Sdk.DeleteDistributionCommandInput) => remove(parts, input).then(() => ({})),
    ListDistributions(input: Sdk.ListDistributionsCommandInput) {
      const { Items, ...page } = paged([...all.values()], ({ id }) => id, input);
      return { DistributionList: { ...page, ...(Items && { Items: Items.map(summary) }) } };
    },
    TagResource: (input: Sdk.TagResourceCommandInput) => setTags(tagsOf(all, input.Resource), input.Tags),
    UntagResource(input: Sdk.UntagResourceCommandInput) {
      for (const key of input.TagKeys?.Items ?? []) tagsOf(all, input.Resource).delete(key);
      return {};
    },
    ListTagsForResource: (input: Sdk.ListTagsForResourceCommandInput) => ({
      Tags: { Items: [...tagsOf(all, input.Resource)].map(([Key, Value]) => ({ Key, Value })) },
    }),
  };
}

function tagsOf(all: ReadonlyMap<string, Distribution>, arn: string | undefined): Map<string, string> {
  const found = [...all.values()].find((one) => one.arn === arn);
  if (found) return found.tags;
  if (!arn?.startsWith("arn:")) throw invalid(`Resource must be an ARN: ${arn ?? ""}`);
  throw new CloudError("NoSuchResource", `A resource that was specified is not valid: ${arn}`, 404);
}
