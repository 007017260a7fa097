import type * as Sdk from "@aws-sdk/client-cloudfront";
import { CloudError } from "../../errors.ts";
import type { Operation, World } from "../../service.ts";
import {
  invalid,
  INVALIDATION_MS,
  INVALIDATIONS_KEPT_MAX,
  itemsOf,
  listed,
  paged,
  QUOTAS,
  type Distribution,
  type Invalidation,
} from "./model.ts";

/** https://docs.aws.amazon.com/AmazonCloudFront/latest/APIReference/API_Paths.html */
const PATH_LENGTH_MAX = 4_000;

const isWildcard = (path: string): boolean => path.endsWith("*");

const shown = (invalidation: Invalidation): Sdk.Invalidation => ({
  Id: invalidation.id,
  Status: invalidation.status,
  CreateTime: new Date(invalidation.createdAt),
  InvalidationBatch: {
    CallerReference: invalidation.callerReference,
    Paths: listed(invalidation.paths),
  },
});

function pathsOf(batch: Sdk.InvalidationBatch | undefined): readonly string[] {
  const paths = itemsOf(batch?.Paths, "Paths");
  if (paths.length === 0) throw invalid("Your request must contain at least one invalidation path.");
  if (paths.length > QUOTAS.pathsInFlight)
    throw new CloudError("BatchTooLarge", `Invalidation batch specified is too large: ${paths.length} paths.`, 413);
  const wrong = paths.find(
    (path) => !/^\/[^\s*]*\*?$/.test(path) || path.length > PATH_LENGTH_MAX || !isReadable(path),
  );
  if (wrong !== undefined)
    throw invalid(`Your request contains one or more invalid invalidation paths: ${wrong.slice(0, 100)}`);
  return paths;
}

function isReadable(path: string): boolean {
  try {
    return decodeURI(path) !== "";
  } catch {
    return false;
  }
}

/** File paths and wildcards have quotas of their own. */
function checkInFlight({ invalidations }: Distribution, paths: readonly string[]): void {
  const all = [...invalidations.values()].filter(({ status }) => status === "InProgress").flatMap((one) => one.paths);
  const wildcards = [...all, ...paths].filter(isWildcard).length;
  const kind = wildcards > QUOTAS.wildcardsInFlight ? "wildcard invalidations" : "invalidations";
  if (wildcards > QUOTAS.wildcardsInFlight || all.length + paths.length - wildcards > QUOTAS.pathsInFlight)
    throw new CloudError(
      "TooManyInvalidationsInProgress",
      `Processing your request will cause you to exceed the maximum number of in-progress ${kind}.`,
    );
}

function forgetOldest({ invalidations }: Distribution): void {
  for (const [id, { status }] of invalidations) {
    if (invalidations.size <= INVALIDATIONS_KEPT_MAX) return;
    if (status === "Completed") invalidations.delete(id);
  }
}

function create(world: World, distribution: Distribution, batch: Sdk.InvalidationBatch | undefined): Invalidation {
  const paths = pathsOf(batch);
  const callerReference = batch?.CallerReference ?? "";
  if (callerReference === "") throw invalid("CallerReference is required.");
  const before = [...distribution.invalidations.values()].find((one) => one.callerReference === callerReference);
  if (before) {
    // a request sent twice is one invalidation, and is billed as one
    if (String([...before.paths].toSorted()) === String([...paths].toSorted())) return before;
    throw invalid("The caller reference has been used before with different paths.");
  }
  checkInFlight(distribution, paths);
  const id = `I${world.ids.hex(13).toUpperCase()}`;
  const created: Invalidation = { id, createdAt: world.clock.now(), status: "InProgress", callerReference, paths };
  distribution.invalidations.set(id, created);
  forgetOldest(distribution);
  world.clock.after(INVALIDATION_MS, () => {
    distribution.listener?.invalidate(paths);
    created.status = "Completed";
  });
  return created;
}

export function invalidationOperations(
  world: World,
  get: (id: string | undefined) => Distribution,
): Readonly<Record<string, Operation>> {
  return {
    CreateInvalidation(input: Sdk.CreateInvalidationCommandInput) {
      const distribution = get(input.DistributionId);
      const invalidation = create(world, distribution, input.InvalidationBatch);
      return {
        Location: `https://cloudfront.amazonaws.com/2020-05-31/distribution/${distribution.id}/invalidation/${invalidation.id}`,
        Invalidation: shown(invalidation),
      };
    },
    GetInvalidation(input: Sdk.GetInvalidationCommandInput) {
      const found = get(input.DistributionId).invalidations.get(input.Id ?? "");
      if (found) return { Invalidation: shown(found) };
      throw new CloudError("NoSuchInvalidation", `The specified invalidation does not exist: ${input.Id ?? ""}`, 404);
    },
    ListInvalidations(input: Sdk.ListInvalidationsCommandInput) {
      const newestFirst = [...get(input.DistributionId).invalidations.values()].toReversed();
      const { Items, ...page } = paged(newestFirst, ({ id }) => id, input);
      const summaries = Items?.map(({ id, status, createdAt }) => ({
        Id: id,
        Status: status,
        CreateTime: new Date(createdAt),
      }));
      return { InvalidationList: { ...page, ...(summaries && { Items: summaries }) } };
    },
  };
}
