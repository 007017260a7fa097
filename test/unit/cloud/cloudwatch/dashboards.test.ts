import { describe, expect, test } from "@jest/globals";
import {
  CloudWatchClient,
  DeleteDashboardsCommand,
  GetDashboardCommand,
  ListDashboardsCommand,
  PutDashboardCommand,
} from "@aws-sdk/client-cloudwatch";
import { openCloudWatch } from "../../../../local/cloud/services/cloudwatch/index.ts";
import { sdkClient, testEndpoint, testWorld } from "../client.ts";

const open = () => {
  const world = testWorld();
  const { service } = openCloudWatch(world, { emit: () => undefined, invokeFunction: async () => undefined });
  return sdkClient(CloudWatchClient, testEndpoint(world, service).handle);
};
const BODY = JSON.stringify({ widgets: [{ type: "text", properties: { markdown: "hello" } }] });

describe("a dashboard", () => {
  test("is kept, listed, given back and deleted", async () => {
    const client = open();
    await client.send(new PutDashboardCommand({ DashboardName: "farm", DashboardBody: BODY }));
    const listed = await client.send(new ListDashboardsCommand({ DashboardNamePrefix: "fa" }));
    const given = await client.send(new GetDashboardCommand({ DashboardName: "farm" }));
    await client.send(new DeleteDashboardsCommand({ DashboardNames: ["farm"] }));

    expect(listed.DashboardEntries).toEqual([expect.objectContaining({ DashboardName: "farm", Size: BODY.length })]);
    expect(given).toMatchObject({
      DashboardArn: "arn:aws:cloudwatch::000000000000:dashboard/farm",
      DashboardBody: BODY,
    });
    await expect(client.send(new GetDashboardCommand({ DashboardName: "farm" }))).rejects.toThrow("does not exist");
  });

  test.each<[string, string]>([
    ["is not JSON", "{"],
    ["has no widgets", "{}"],
    ["has a widget of no known type", '{"widgets":[{"type":"pie","properties":{}}]}'],
  ])("whose body %s is refused with the place", async (_what, DashboardBody) => {
    await expect(open().send(new PutDashboardCommand({ DashboardName: "farm", DashboardBody }))).rejects.toMatchObject({
      name: "DashboardInvalidInputError",
      dashboardValidationMessages: [{ DataPath: expect.stringMatching(/^\//), Message: expect.any(String) }],
    });
  });

  test("that is not there deletes nothing of the others", async () => {
    const client = open();
    await client.send(new PutDashboardCommand({ DashboardName: "farm", DashboardBody: BODY }));
    const deleting = client.send(new DeleteDashboardsCommand({ DashboardNames: ["farm", "other"] }));
    await expect(deleting).rejects.toThrow("Dashboard other does not exist");
    await expect(client.send(new GetDashboardCommand({ DashboardName: "farm" }))).resolves.toBeDefined();
  });
});
