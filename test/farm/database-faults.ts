import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { GetCommandInvocationCommand, SendCommandCommand, SSMClient } from "@aws-sdk/client-ssm";
import { GetSecretValueCommand, SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import * as z from "zod";
import type { Account, At } from "../../local/farm/database/connect.ts";
import { mirrorOf } from "../../local/farm/instance/compute.ts";
import { farmPaths, projectRoot } from "../../local/farm/paths.ts";
import { clientOptions, eventually, farmJson, inService, status } from "./farm.ts";

/** A database account of the running farm. */
export async function account(name: string): Promise<Account> {
  const client = new SecretsManagerClient(clientOptions());
  const { SecretString = "" } = await client.send(
    new GetSecretValueCommand({ SecretId: `tandem/local/database/${name}` }),
  );
  return z.object({ username: z.string(), password: z.string() }).parse(JSON.parse(SecretString));
}

/** A server past the relays, and therefore past every partition. */
export const pastRelays = (address: string): At => ({ host: mirrorOf(address), port: 3306 });

/** The private HAProxy of a web node in service: the way that applications write. */
export async function webRoute(): Promise<At> {
  const [node = ""] = inService(await status());
  const address = farmJson().addresses[node];
  if (address === undefined) throw new Error("no web node is in service");
  return pastRelays(address);
}

/** Instance id and address of a database node, by what its machine was told that it is. */
export function databaseMachine(name: "db-a" | "db-b"): { readonly instanceId: string; readonly address: string } {
  const { machines } = farmPaths(projectRoot);
  const instanceId = readdirSync(machines).find((id) => {
    const environment = join(machines, id, "etc/tandem/node.env");
    return (
      farmJson().addresses[id] !== undefined &&
      /TANDEM_NODE=.?db-[ab]/.exec(readFileSync(environment, "utf8"))?.[0].endsWith(name)
    );
  });
  const address = farmJson().addresses[instanceId ?? ""];
  if (instanceId === undefined || address === undefined) throw new Error(`${name} does not run`);
  return { instanceId, address };
}

/** Runs the fence on a machine through Run Command, and tells how it ended and after how many ms. */
export async function fence(InstanceId: string) {
  const client = new SSMClient(clientOptions());
  const startedAt = performance.now();
  const { Command } = await client.send(
    new SendCommandCommand({ DocumentName: "tandem-local-fence", InstanceIds: [InstanceId] }),
  );
  const ended = await eventually(
    "the end of the fence",
    20,
    () =>
      client
        .send(new GetCommandInvocationCommand({ InstanceId, CommandId: Command?.CommandId }))
        .catch(() => ({ Status: "Pending" as const, StandardOutputContent: "" })),
    ({ Status }) => Status !== "Pending" && Status !== "InProgress",
    20,
  );
  return { status: ended.Status, words: ended.StandardOutputContent ?? "", tookMs: performance.now() - startedAt };
}
