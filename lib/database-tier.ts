import { ec2Client, route53Client, secretsManagerClient, ssmClient, ssmOnceClient } from "./aws/clients.ts";
import { databaseCapability } from "./database/database.ts";
import { sqlDriver } from "./database/sql/driver.ts";
import { openCore, view, type Invocation, type Lookout, type World } from "./lookout.ts";

/** Only what the pair of database servers takes: it is watched every second, and starts first after a failure. */
export function openDatabaseTier(invocation: Invocation, world: World = {}): Lookout {
  const { connection, databases = sqlDriver } = world;
  const deps = {
    ...openCore(invocation, world),
    databases,
    ec2: ec2Client(connection),
    route53: route53Client(connection),
    secretsManager: secretsManagerClient(connection),
    ssm: ssmClient(connection),
    ssmOnce: ssmOnceClient(connection),
  };
  return { ...deps, views: { database: view(databaseCapability(deps)) } };
}
