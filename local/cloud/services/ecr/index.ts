import { CloudError } from "../../errors.ts";
import type { Service, World } from "../../service.ts";

interface RepositoriesInput {
  readonly registryId?: string;
  readonly repositoryNames?: readonly string[];
}

/** A registry without repositories: the Serverless Framework asks it on `remove` whether there are images to delete. */
export function openEcr(world: World): { readonly service: Service } {
  const describe = ({ registryId = world.account, repositoryNames = [] }: RepositoriesInput): object => {
    const [first] = repositoryNames;
    if (first === undefined) return { repositories: [] };
    throw new CloudError(
      "RepositoryNotFoundException",
      `The repository with name '${first}' does not exist in the registry with id '${registryId}'`,
    );
  };
  return {
    service: {
      id: "ecr",
      operations: { DescribeRepositories: describe },
      resourceOf: (_operation, { repositoryNames }) =>
        Array.isArray(repositoryNames) && typeof repositoryNames[0] === "string"
          ? `arn:aws:ecr:${world.region}:${world.account}:repository/${repositoryNames[0]}`
          : "*",
    },
  };
}
