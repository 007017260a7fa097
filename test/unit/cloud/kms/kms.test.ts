import { describe, expect, test } from "@jest/globals";
import {
  CancelKeyDeletionCommand,
  CreateAliasCommand,
  CreateKeyCommand,
  DescribeKeyCommand,
  EnableKeyRotationCommand,
  GenerateDataKeyCommand,
  GetKeyPolicyCommand,
  GetKeyRotationStatusCommand,
  KMSClient,
  ListResourceTagsCommand,
  PutKeyPolicyCommand,
  ScheduleKeyDeletionCommand,
} from "@aws-sdk/client-kms";
import { openKms } from "../../../../local/cloud/services/kms/index.ts";
import { sdkClient, testEndpoint, testWorld } from "../client.ts";

const DAY_MS = 86_400_000;
const POLICY = JSON.stringify({ Version: "2012-10-17", Statement: [] });

const open = async () => {
  const world = testWorld();
  const client = sdkClient(KMSClient, testEndpoint(world, openKms(world).service).handle);
  const made = await client.send(new CreateKeyCommand({ Policy: POLICY, Tags: [{ TagKey: "farm", TagValue: "one" }] }));
  return { world, client, key: made.KeyMetadata };
};

describe("a key", () => {
  test("is found by id, ARN and alias, and has the policy and the tags that it was given", async () => {
    const { client, key } = await open();
    await client.send(new CreateAliasCommand({ AliasName: "alias/farm", TargetKeyId: key?.KeyId }));
    for (const KeyId of [key?.KeyId, key?.Arn, "alias/farm", "arn:aws:kms:eu-west-1:000000000000:alias/farm"]) {
      const found = await client.send(new DescribeKeyCommand({ KeyId }));
      expect(found.KeyMetadata).toMatchObject({ KeyId: key?.KeyId, KeyState: "Enabled", Origin: "AWS_KMS" });
    }
    const policy = await client.send(new GetKeyPolicyCommand({ KeyId: key?.KeyId }));
    const tags = await client.send(new ListResourceTagsCommand({ KeyId: key?.KeyId }));
    expect([policy.Policy, tags.Tags]).toEqual([POLICY, [{ TagKey: "farm", TagValue: "one" }]]);
  });

  test("rotates once a year when asked to", async () => {
    const { client, key } = await open();
    await client.send(new EnableKeyRotationCommand({ KeyId: key?.KeyId }));
    const status = await client.send(new GetKeyRotationStatusCommand({ KeyId: key?.KeyId }));
    expect(status).toMatchObject({ KeyRotationEnabled: true, RotationPeriodInDays: 365 });
  });

  test("waits for its deletion, cannot be used meanwhile, and can be taken back disabled", async () => {
    const { client, key } = await open();
    await client.send(new ScheduleKeyDeletionCommand({ KeyId: key?.KeyId, PendingWindowInDays: 7 }));
    const using = client.send(new EnableKeyRotationCommand({ KeyId: key?.KeyId }));
    await expect(using).rejects.toThrow("is pending deletion");
    await client.send(new CancelKeyDeletionCommand({ KeyId: key?.KeyId }));
    const found = await client.send(new DescribeKeyCommand({ KeyId: key?.KeyId }));
    expect(found.KeyMetadata).toMatchObject({ KeyState: "Disabled", Enabled: false });
  });

  test("is gone with its aliases when the waiting time is over", async () => {
    const { world, client, key } = await open();
    await client.send(new CreateAliasCommand({ AliasName: "alias/farm", TargetKeyId: key?.KeyId }));
    await client.send(new ScheduleKeyDeletionCommand({ KeyId: key?.KeyId, PendingWindowInDays: 7 }));
    await world.clock.advance(7 * DAY_MS);
    await expect(client.send(new DescribeKeyCommand({ KeyId: key?.KeyId }))).rejects.toMatchObject({
      name: "NotFoundException",
    });
    await expect(client.send(new DescribeKeyCommand({ KeyId: "alias/farm" }))).rejects.toMatchObject({
      name: "NotFoundException",
    });
  });

  test("refuses what is no policy, and what this world does not do, by name", async () => {
    const { client, key } = await open();
    const KeyId = key?.KeyId;
    await expect(client.send(new PutKeyPolicyCommand({ KeyId, Policy: "no" }))).rejects.toMatchObject({
      name: "MalformedPolicyDocumentException",
    });
    await expect(client.send(new CreateKeyCommand({ MultiRegion: true }))).rejects.toThrow("MultiRegion is not known");
    await expect(client.send(new GenerateDataKeyCommand({ KeyId, KeySpec: "AES_256" }))).rejects.toThrow(
      "GenerateDataKey",
    );
  });
});
