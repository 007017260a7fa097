import { describe, expect, test } from "@jest/globals";
import {
  CreateSecretCommand,
  DeleteSecretCommand,
  DescribeSecretCommand,
  GetRandomPasswordCommand,
  GetSecretValueCommand,
  ListSecretsCommand,
  PutSecretValueCommand,
  SecretsManagerClient,
  TagResourceCommand,
  UpdateSecretCommand,
} from "@aws-sdk/client-secrets-manager";
import { openSecrets } from "../../../../local/cloud/services/secretsmanager/index.ts";
import { sdkClient, testEndpoint, testWorld } from "../client.ts";

const DAY_MS = 24 * 60 * 60 * 1_000;
const Name = "tandem/local/database/app";

function secrets() {
  const world = testWorld();
  const endpoint = testEndpoint(world, openSecrets(world).service);
  return { world, endpoint, client: sdkClient(SecretsManagerClient, endpoint.handle) };
}

describe("a secret", () => {
  test("is read by name, by ARN and by the ARN without its ending", async () => {
    const { client, endpoint } = secrets();
    const { ARN = "" } = await client.send(new CreateSecretCommand({ Name, SecretString: "s" }));
    for (const SecretId of [Name, ARN, ARN.slice(0, -7)])
      expect((await client.send(new GetSecretValueCommand({ SecretId }))).SecretString).toBe("s");
    expect(endpoint.calls.at(-1)).toMatchObject({ resource: ARN, status: 200 });
    await expect(client.send(new GetSecretValueCommand({ SecretId: "no" }))).rejects.toMatchObject({
      name: "ResourceNotFoundException",
    });
  });

  test("is created once, also when the request is repeated", async () => {
    const { client } = secrets();
    const request = { Name, SecretString: "s", ClientRequestToken: "00000000-0000-4000-8000-000000000001" };
    const first = await client.send(new CreateSecretCommand(request));
    const second = await client.send(new CreateSecretCommand(request));
    expect(second.VersionId).toBe(first.VersionId);
    await expect(client.send(new CreateSecretCommand({ Name, SecretString: "other" }))).rejects.toMatchObject({
      name: "ResourceExistsException",
    });
  });

  test("keeps the previous value beside the current one", async () => {
    const { client } = secrets();
    await client.send(new CreateSecretCommand({ Name, SecretString: "1" }));
    await client.send(new PutSecretValueCommand({ SecretId: Name, SecretString: "2" }));
    await client.send(new UpdateSecretCommand({ SecretId: Name, SecretString: "3" }));
    const read = async (VersionStage: string) =>
      (await client.send(new GetSecretValueCommand({ SecretId: Name, VersionStage }))).SecretString;
    expect([await read("AWSCURRENT"), await read("AWSPREVIOUS")]).toEqual(["3", "2"]);
  });

  test("can be deleted with a time to think, or at once", async () => {
    const { client, world } = secrets();
    await client.send(new CreateSecretCommand({ Name, SecretString: "s" }));
    await client.send(new DeleteSecretCommand({ SecretId: Name, RecoveryWindowInDays: 7 }));
    await expect(client.send(new GetSecretValueCommand({ SecretId: Name }))).rejects.toMatchObject({
      name: "InvalidRequestException",
    });
    await world.clock.advance(7 * DAY_MS);
    await expect(client.send(new DescribeSecretCommand({ SecretId: Name }))).rejects.toMatchObject({
      name: "ResourceNotFoundException",
    });
    await client.send(new CreateSecretCommand({ Name, SecretString: "s" }));
    await client.send(new DeleteSecretCommand({ SecretId: Name, ForceDeleteWithoutRecovery: true }));
    await client.send(new CreateSecretCommand({ Name, SecretString: "again" }));
  });

  test("is listed with its tags but without its value", async () => {
    const { client } = secrets();
    await client.send(new CreateSecretCommand({ Name, SecretString: "hidden", Tags: [{ Key: "a", Value: "1" }] }));
    await client.send(new TagResourceCommand({ SecretId: Name, Tags: [{ Key: "b", Value: "2" }] }));
    const { SecretList } = await client.send(
      new ListSecretsCommand({ Filters: [{ Key: "name", Values: ["tandem/"] }] }),
    );
    expect(SecretList).toHaveLength(1);
    expect(SecretList?.[0]?.Tags).toEqual([
      { Key: "a", Value: "1" },
      { Key: "b", Value: "2" },
    ]);
    expect(JSON.stringify(SecretList)).not.toContain("hidden");
  });
});

describe("a random password", () => {
  test("has each kind of letter and none that is excluded", async () => {
    const { client } = secrets();
    const { RandomPassword = "" } = await client.send(
      new GetRandomPasswordCommand({ PasswordLength: 20, ExcludeCharacters: "'\"\\@/", ExcludePunctuation: false }),
    );
    expect(RandomPassword).toHaveLength(20);
    for (const kind of [/[a-z]/, /[A-Z]/, /[0-9]/, /[^a-zA-Z0-9]/]) expect(RandomPassword).toMatch(kind);
    expect(RandomPassword).not.toMatch(/['"\\@/]/);
  });

  test("that cannot be is refused", async () => {
    const { client } = secrets();
    await expect(client.send(new GetRandomPasswordCommand({ PasswordLength: 2 }))).rejects.toMatchObject({
      name: "InvalidParameterException",
    });
  });
});
