import { cloudWatchClient, ec2Client, elbv2Client, ssmClient, ssmOnceClient } from "./aws/clients.ts";
import type { FleetDeps } from "./fleet/deps.ts";
import { nodesAws } from "./fleet/aws.ts";
import { webNode } from "./fleet/node/apply.ts";
import { openCore, view, type Invocation, type Lookout, type World } from "./lookout.ts";
import { capacityViews } from "./web-tier.ts";

/** How many nodes there are of each class, and each of them. */
export const webViews = (deps: FleetDeps) => ({ ...capacityViews(deps, nodesAws(deps)), node: view(webNode(deps)) });

/** The web tier and each of its nodes. The databases are another function's, and so is the client that speaks to them. */
export function openNodeTier(invocation: Invocation, world: World = {}): Lookout & FleetDeps {
  const { connection } = world;
  const deps = {
    ...openCore(invocation, world),
    cloudWatch: cloudWatchClient(connection),
    ec2: ec2Client(connection),
    elbv2: elbv2Client(connection),
    ssm: ssmClient(connection),
    ssmOnce: ssmOnceClient(connection),
  };
  return { ...deps, views: webViews(deps) };
}
