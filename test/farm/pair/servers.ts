import { GetSecretValueCommand, SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import { createConnection, type Connection, type RowDataPacket } from "mysql2/promise";
import * as z from "zod";
import { farmEnvironment } from "../../../local/cli/target.ts";
import { farmJson } from "../farm.ts";

export type Node = "db-a" | "db-b";

/** Fixed in stage `local`. */
export const ADDRESS: Readonly<Record<Node, string>> = { "db-a": "127.20.10.10", "db-b": "127.20.11.10" };

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
