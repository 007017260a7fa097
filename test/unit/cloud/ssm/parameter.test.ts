import {
  AddTagsToResourceCommand,
  DeleteParametersCommand,
  DescribeParametersCommand,
  GetParameterCommand,
  GetParameterHistoryCommand,
  GetParametersByPathCommand,
  GetParametersCommand,
  ListTagsForResourceCommand,
  PutParameterCommand,
  SSMClient,
} from "@aws-sdk/client-ssm";
import { expect, test } from "@jest/globals";
import { openSsm } from "../../../../local/cloud/services/ssm/index.ts";
import { sdkClient, testEndpoint, testWorld } from "../client.ts";

const named = (name: string) => expect.objectContaining({ name });

function store() {
  const world = testWorld();
  const ssm = openSsm(world, { machine: () => undefined, onInstanceChange: () => undefined, emit: () => undefined });
  const client = sdkClient(SSMClient, testEndpoint(world, ssm.service).handle);
  const put = (Name: string, Value: string, more = {}) =>
    client.send(new PutParameterCommand({ Name, Value, Type: "String", ...more }));
  return { client, put };
}

test("a parameter is overwritten only on demand, and keeps its versions", async () => {
  const { client, put } = store();

  await put("/tandem/local/size", "2");
  await expect(put("/tandem/local/size", "3")).rejects.toEqual(named("ParameterAlreadyExists"));
  const { Version } = await put("/tandem/local/size", "3", { Overwrite: true });
  const now = await client.send(new GetParameterCommand({ Name: "/tandem/local/size" }));
  const first = await client.send(new GetParameterCommand({ Name: "/tandem/local/size:1" }));
  const history = await client.send(new GetParameterHistoryCommand({ Name: "/tandem/local/size" }));

  expect(Version).toBe(2);
  expect(now.Parameter).toMatchObject({ Value: "3", Version: 2, Type: "String" });
  expect(now.Parameter?.ARN).toBe("arn:aws:ssm:eu-west-1:000000000000:parameter/tandem/local/size");
  expect(first.Parameter).toMatchObject({ Value: "2", Selector: ":1" });
  expect(history.Parameters?.map((one) => one.Value)).toEqual(["2", "3"]);
  const gone = client.send(new GetParameterCommand({ Name: "/tandem/local/size:7" }));
  await expect(gone).rejects.toEqual(named("ParameterVersionNotFound"));
  await expect(client.send(new GetParameterCommand({ Name: "/no" }))).rejects.toEqual(named("ParameterNotFound"));
});

test("a secure string shows its value only when it is decrypted", async () => {
  const { client, put } = store();
  await put("/secret", "open sesame", { Type: "SecureString" });

  const hidden = await client.send(new GetParameterCommand({ Name: "/secret" }));
  const shown = await client.send(new GetParametersCommand({ Names: ["/secret", "/none"], WithDecryption: true }));

  expect(hidden.Parameter?.Value).not.toContain("sesame");
  expect(shown.Parameters).toMatchObject([{ Value: "open sesame", Type: "SecureString" }]);
  expect(shown.InvalidParameters).toEqual(["/none"]);
});

test("a path is read page by page, with or without what is deeper", async () => {
  const { client, put } = store();
  for (let index = 0; index < 12; index++) await put(`/farm/p${String(index).padStart(2, "0")}`, String(index));
  await put("/farm/deep/x", "deep");
  await put("/farmer/x", "other");

  const first = await client.send(new GetParametersByPathCommand({ Path: "/farm" }));
  const second = await client.send(new GetParametersByPathCommand({ Path: "/farm/", NextToken: first.NextToken }));
  const deep = await client.send(new GetParametersByPathCommand({ Path: "/farm", Recursive: true, MaxResults: 1 }));

  expect(first.Parameters).toHaveLength(10);
  expect(second.Parameters?.map((one) => one.Name)).toEqual(["/farm/p10", "/farm/p11"]);
  expect(second.NextToken).toBeUndefined();
  expect(deep.Parameters?.[0]?.Name).toBe("/farm/deep/x");
});

test("the public parameter of an image answers with an image id", async () => {
  const { client } = store();
  const Name = "/aws/service/canonical/ubuntu/server/24.04/stable/current/arm64/hvm/ebs-gp3/ami-id";

  const { Parameters } = await client.send(new GetParametersCommand({ Names: [Name] }));

  expect(Parameters?.[0]?.Value).toMatch(/^ami-[0-9a-f]{17}$/);
});

test("what is wrong with a parameter is named", async () => {
  const { put } = store();

  await expect(put("a/b", "x")).rejects.toEqual(named("ValidationException"));
  await expect(put("/aws/mine", "x")).rejects.toEqual(named("AccessDeniedException"));
  await expect(put("/big", "x".repeat(4097))).rejects.toEqual(named("ValidationException"));
  await expect(put("/n", "x", { AllowedPattern: "^\\d+$" })).rejects.toEqual(
    named("ParameterPatternMismatchException"),
  );
});

test("parameters are described by filter, tagged and deleted", async () => {
  const { client, put } = store();
  await put("/a/one", "1", { Description: "the first" });
  await put("/b/two", "2");
  const resource = { ResourceType: "Parameter" as const, ResourceId: "/a/one" };

  await client.send(new AddTagsToResourceCommand({ ...resource, Tags: [{ Key: "k", Value: "v" }] }));
  const tags = await client.send(new ListTagsForResourceCommand(resource));
  const found = await client.send(
    new DescribeParametersCommand({ ParameterFilters: [{ Key: "Name", Option: "BeginsWith", Values: ["/a"] }] }),
  );
  const deleted = await client.send(new DeleteParametersCommand({ Names: ["/a/one", "/none"] }));

  expect(tags.TagList).toEqual([{ Key: "k", Value: "v" }]);
  expect(found.Parameters).toMatchObject([{ Name: "/a/one", Description: "the first" }]);
  expect(deleted).toMatchObject({ DeletedParameters: ["/a/one"], InvalidParameters: ["/none"] });
});
