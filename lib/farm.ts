import {
  cloudFrontClient,
  cloudWatchClient,
  ec2Client,
  elastiCacheClient,
  elbv2Client,
  route53Client,
  secretsManagerClient,
  ssmClient,
  ssmOnceClient,
} from "./aws/clients.ts";
import { wordPressCron } from "./cron/cron.ts";
import { databaseCapability } from "./database/database.ts";
import { sqlDriver } from "./database/sql/driver.ts";
import { openCore, view, type Invocation, type Lookout, type World } from "./lookout.ts";
import { webViews } from "./node-tier.ts";
import type { StatusDeps } from "./status.ts";

/** Everything of one farm, composed. */
export type Farm = Lookout & StatusDeps;

/** The whole farm, as it is composed on AWS and in the local farm alike: the SDK finds its endpoint in the environment. */
export function openFarm(invocation: Invocation, world: World = {}): Farm {
  const { connection, databases = sqlDriver, readCache } = world;
  const deps = {
    ...openCore(invocation, world),
    cloudFront: cloudFrontClient(connection),
    cloudWatch: cloudWatchClient(connection),
    ec2: ec2Client(connection),
    elastiCache: elastiCacheClient(connection),
    elbv2: elbv2Client(connection),
    route53: route53Client(connection),
    secretsManager: secretsManagerClient(connection),
    ssm: ssmClient(connection),
    databases,
    ssmOnce: ssmOnceClient(connection),
    ...(readCache === undefined ? {} : { readCache }),
  };
  const views = { ...webViews(deps), database: view(databaseCapability(deps)), cron: view(wordPressCron(deps)) };
  return { ...deps, views };
}
