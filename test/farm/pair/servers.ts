import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { GetSecretValueCommand, SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import { createConnection, type Connection, type RowDataPacket } from "mysql2/promise";
import * as z from "zod";
import { farmEnvironment } from "../../../local/cli/target.ts";
import { farmPaths, projectRoot } from "../../../local/farm/paths.ts";
import { farmJson } from "../farm.ts";

export type Node = "db-a" | "db-b";

/** Fixed in stage `local`. */
export const ADDRESS: Readonly<Record<Node, string>> = { "db-a": "127.20.10.10", "db-b": "127.20.11.10" };

const machines = farmPaths(projectRoot).machines;

/** The root folder of the machine that is this node now. */
function rootOf(node: Node): string {
  const roots = readdirSync(machines).map((name) => join(machines, name));
  const found = roots.find((root) => {
    const file = join(root, "etc/tandem/node.env");
    return existsSync(file) && readFileSync(file, "utf8").includes(`TANDEM_NODE=${node}`);
  });
  if (found === undefined) throw new Error(`no machine of ${node}`);
  return found;
}

const pidIn = (node: Node, file: string): number =>
  Number(readFileSync(join(rootOf(node), "run/tandem", file), "utf8").trim());

/** SIGKILL of the server process; its supervisor is held, so that it stays down until `bringBack`. */
export function killServer(node: Node): void {
  process.kill(pidIn(node, "mysqld.supervisor"), "SIGSTOP");
  process.kill(pidIn(node, "mysqld.pid"), "SIGKILL");
}

export const bringBack = (node: Node): void => void process.kill(pidIn(node, "mysqld.supervisor"), "SIGCONT");

const secretSchema = z.object({ username: z.string(), password: z.string() });

/** An account of the farm, from its secret. */
export async function account(name: string): Promise<{ readonly username: string; readonly password: string }> {
  const environment = farmEnvironment();
  const client = new SecretsManagerClient({
    region: environment["AWS_REGION"] ?? "",
    endpoint: environment["AWS_ENDPOINT_URL"] ?? "",
    credentials: {
      accessKeyId: environment["AWS_ACCESS_KEY_ID"] ?? "",
      secretAccessKey: environment["AWS_SECRET_ACCESS_KEY"] ?? "",
    },
  });
  const answer = await client.send(new GetSecretValueCommand({ SecretId: `tandem/local/database/${name}` }));
  return secretSchema.parse(JSON.parse(answer.SecretString ?? ""));
}

export async function connectTo(host: string, name: string, timeoutMs = 1_000): Promise<Connection> {
  const { username, password } = await account(name);
  const options = { host, port: 3306, user: username, password, connectTimeout: timeoutMs };
  const connection = await createConnection({ ...options, ssl: { rejectUnauthorized: false } });
  connection.on("error", () => undefined);
  return connection;
}

/** Where a web node's own HAProxy listens: the private mirror of the node's address. */
export function routeOf(webNode: string): string {
  const address = farmJson().addresses[webNode];
  if (address === undefined) throw new Error(`${webNode} has no address`);
  const [first, second, ...rest] = address.split(".").map(Number);
  return [first, (second ?? 0) + 100, ...rest].join(".");
}

export async function idsOn(node: Node, table: string): Promise<readonly string[]> {
  const connection = await connectTo(ADDRESS[node], "admin");
  try {
    const [rows] = await connection.query<RowDataPacket[]>(`SELECT id FROM wordpress.${table}`);
    return rows.map((row) => String(row["id"]));
  } finally {
    connection.destroy();
  }
}
