import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { DynamoDBClient, paginateScan } from "@aws-sdk/client-dynamodb";
import { GetSecretValueCommand, ListSecretsCommand, SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import * as z from "zod";
import { farmPaths, projectRoot } from "../../local/farm/paths.ts";
import { clientOptions, journal } from "./farm.ts";

/** A process that shows a password for less than this may be missed; programs that get one as an argument live longer. */
const SAMPLE_MS = 100;

/** A secret's name and what must not be seen of it. */
interface Secret {
  readonly name: string;
  readonly value: string;
}

const valueSchema = z.union([
  z.object({ password: z.string() }).transform(({ password }) => password),
  z.object({ seed: z.string() }).transform(({ seed }) => seed),
]);

/** Every secret of the running farm. */
export async function farmSecrets(): Promise<readonly Secret[]> {
  const client = new SecretsManagerClient(clientOptions());
  const { SecretList = [] } = await client.send(new ListSecretsCommand({}));
  return Promise.all(
    SecretList.map(async ({ Name = "" }) => {
      const { SecretString = "" } = await client.send(new GetSecretValueCommand({ SecretId: Name }));
      return { name: Name, value: valueSchema.parse(JSON.parse(SecretString)) };
    }),
  );
}

const namesIn = (text: string, secrets: readonly Secret[], place: string): string[] =>
  secrets.filter(({ value }) => text.includes(value)).map(({ name }) => `${name} in ${place}`);

/** What `ps` shows, looked at again and again until `stop`, which tells what was seen of the secrets. */
export function watchProcesses(secrets: readonly Secret[]): { stop(): { seen: readonly string[]; samples: number } } {
  const seen = new Set<string>();
  let samples = 0;
  const look = (): void => {
    samples += 1;
    for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name)))
      for (const found of namesIn(commandLine(pid), secrets, "the arguments of a process")) seen.add(found);
  };
  const timer = setInterval(look, SAMPLE_MS);
  return {
    stop() {
      clearInterval(timer);
      return { seen: [...seen], samples };
    },
  };
}

function commandLine(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "latin1");
  } catch {
    return ""; // it ended
  }
}

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .map((name) => join(folder, name))
    .filter((path) => statSync(path, { throwIfNoEntry: false })?.isFile() === true);
}

/** The secrets that a folder's files hold. */
export const secretsBelow = (folder: string, secrets: readonly Secret[]): string[] =>
  filesBelow(folder).flatMap((path) => namesIn(readFileSync(path, "latin1"), secrets, path));

async function stateTable(): Promise<string> {
  const client = new DynamoDBClient(clientOptions());
  const pages: unknown[] = [];
  for await (const { Items = [] } of paginateScan({ client }, { TableName: "tandem-local-state" }))
    pages.push(...Items);
  return JSON.stringify(pages);
}

/** Where secrets can be read that are no place for them: logs, run files, journal and state table. And how much was read. */
export async function secretsTold(secrets: readonly Secret[]): Promise<{ told: readonly string[]; bytes: number }> {
  const { log, run } = farmPaths(projectRoot);
  const texts: [string, string][] = [log, run].flatMap(filesBelow).map((path) => [path, readFileSync(path, "latin1")]);
  texts.push(["the journal", JSON.stringify(await journal("1d"))], ["the state table", await stateTable()]);
  return {
    told: texts.flatMap(([place, text]) => namesIn(text, secrets, place)),
    bytes: texts.reduce((sum, [, text]) => sum + text.length, 0),
  };
}
