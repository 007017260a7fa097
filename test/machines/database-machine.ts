import { cpSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { createConnection } from "mysql2/promise";
import { wallCloudClock } from "../../local/cloud/clock.ts";
import { openEndpoint } from "../../local/cloud/endpoint.ts";
import { randomIds } from "../../local/cloud/ids.ts";
import type { Machine } from "../../local/cloud/services/ec2/compute.ts";
import { openSecrets } from "../../local/cloud/services/secretsmanager/index.ts";
import { openSandboxes } from "../../local/farm/instance/compute.ts";
import { farmPaths, projectRoot } from "../../local/farm/paths.ts";
import { openRelays } from "../../local/farm/relay.ts";
import { sdkClient, testWorld } from "../unit/cloud/client.ts";
import { CreateSecretCommand, SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import type { Flavour } from "../../local/farm/state.ts";

export const ACCOUNTS = ["admin", "app", "observer", "healer", "replication"] as const;
export type Account = (typeof ACCOUNTS)[number];

const paths = farmPaths(projectRoot);
const ACCOUNT_ID = "000000000000";
const REGION = "eu-west-1";
/** Of its own in 127.62.0.0/16, so that it can run beside a farm. */
const ADDRESSES = { mysql: "127.62.9.1", mariadb: "127.62.9.2" };

const passwordOf = (account: Account): string => `p'w\\${account}`;

/** Boots a database machine by the node's own scripts, with secrets from a real endpoint, as the launch template would. */
export async function bootDatabase(flavour: Flavour) {
  mkdirSync(paths.root, { recursive: true });
  const folder = mkdtempSync(join(paths.root, "db-")); // short: it holds a socket
  const world = { ...testWorld(), account: ACCOUNT_ID, region: REGION };
  const secrets = openSecrets(world).service;
  const endpoint = openEndpoint({
    world,
    services: new Map([[secrets.id, secrets]]),
    principalOf: () => ({ arn: `arn:aws:iam::${ACCOUNT_ID}:role/database-node`, account: ACCOUNT_ID }),
    record: () => undefined,
  });
  const client = sdkClient(SecretsManagerClient, endpoint.handle);
  for (const name of ACCOUNTS) {
    const SecretString = JSON.stringify({ username: name, password: passwordOf(name) });
    await client.send(new CreateSecretCommand({ Name: `tandem/local/database/${name}`, SecretString }));
  }
  const listener = await endpoint.listen("127.0.0.1", 0);
  const relays = openRelays();
  const compute = openSandboxes({
    clock: wallCloudClock,
    ids: randomIds,
    relays,
    folder: join(folder, "m"),
    logFolder: join(folder, "log"),
    runFolder: join(folder, "run"),
    programs: join(paths.opt, "bin"),
    path: process.env["PATH"] ?? "",
    image: join(paths.opt, "image"),
    endpointUrl: () => `http://127.0.0.1:${listener.port}`,
  });
  cpSync(join(projectRoot, "infra/nodes"), join(folder, "nodes"), { recursive: true });
  const address = ADDRESSES[flavour];
  const machine = await compute.boot({
    instanceId: `i-${randomIds.hex(17)}`,
    address,
    tags: {},
    ports: [3306, 9200],
    userData: `#!/bin/bash
mkdir -p "$TANDEM_ROOT/etc/tandem" "$TANDEM_ROOT/opt"
cat > "$TANDEM_ROOT/etc/tandem/node.env" <<'END'
export TANDEM_STAGE=local TANDEM_CLASS=database TANDEM_NODE=db-b TANDEM_REGION=${REGION} TANDEM_FLAVOUR=${flavour}
END
cp -r "${folder}/nodes" "$TANDEM_ROOT/opt/tandem"
source "$TANDEM_ROOT/etc/tandem/node.env"
exec "$TANDEM_ROOT/opt/tandem/boot-database.sh"`,
    metadata: metadata(),
  });
  return {
    machine,
    address,
    query: (account: Account, sql: string, tls = true) => query(address, account, sql, tls),
    async close() {
      await compute.close();
      await relays.close();
      await listener.close();
      client.destroy();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

const metadata = (): Parameters<ReturnType<typeof openSandboxes>["boot"]>[0]["metadata"] => ({
  account: ACCOUNT_ID,
  region: REGION,
  availabilityZone: `${REGION}a`,
  instanceType: "t4g.medium",
  imageId: "ami-1",
  architecture: "arm64",
  role: "database-node",
  credentials: () => ({
    accessKeyId: "ASIA1",
    secretAccessKey: "s",
    sessionToken: "t",
    expiration: Date.now() + 3_600_000,
  }),
  lifecycleState: () => "Pending",
  tags: () => ({}),
});

/** The rows of a statement as lists, or the error's code: what an account may do is an answer, not a failure. */
async function query(host: string, account: Account, sql: string, tls: boolean): Promise<unknown> {
  try {
    const connection = await createConnection({
      host,
      user: account,
      password: passwordOf(account),
      multipleStatements: true,
      rowsAsArray: true,
      connectTimeout: 2000,
      ...(tls ? { ssl: { rejectUnauthorized: false } } : {}),
    });
    try {
      const [rows] = await connection.query(sql);
      return rows;
    } finally {
      connection.destroy();
    }
  } catch (error) {
    // An error of Node's own is no instance of this realm's Error in a test.
    const said: Record<string, unknown> = Object(error);
    return said["code"] ?? error;
  }
}

/** Runs a piece of bash on the machine and gives its outputs and exit code as one text. */
export async function runOn(machine: Machine, script: string): Promise<string> {
  const ended = await machine.run({ script: `#!/bin/bash\n${script}`, timeoutMs: 80_000 });
  return `${ended.stdout}${ended.stderr}exit ${ended.exitCode}`;
}
