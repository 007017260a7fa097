import { Route53Client } from "@aws-sdk/client-route-53";
import { describe, expect, test } from "@jest/globals";
import { provision } from "../../../lib/provision/provision.ts";
import { answering, sdkError, type Answers, type Called } from "../answering.ts";
import { localSpec } from "../trigger/local-spec.ts";

const ZONE_RECORDS = ["db-a", "db-b", "reader", "writer"].map((name, at) => ({
  Name: `${name}.local.tandem.internal.`,
  Type: "A" as const,
  TTL: 5,
  ResourceRecords: [{ Value: `127.0.16.${at}` }],
}));

const REQUEST = {
  RequestType: "Delete",
  ResponseURL: "https://responses.example/abc",
  StackId: "arn:aws:cloudformation:eu-west-1:000000000000:stack/tandem-local/1",
  RequestId: "r-1",
  LogicalResourceId: "PrivateZoneCleanUp",
  PhysicalResourceId: "zone-clean-up",
  ResourceType: "Custom::TandemZone",
};

/** A zone with these records, and what the stack heard. */
async function asked(event: unknown, records = ZONE_RECORDS, more: Answers = {}) {
  const calls: Called[] = [];
  const heard: { url: string; body: unknown }[] = [];
  const answers: Answers = {
    ListResourceRecordSets: ({ StartRecordName }) => ({
      ResourceRecordSets: records.filter(({ Name }) => Name >= `${String(StartRecordName)}.`).slice(0, 1),
    }),
    ChangeResourceRecordSets: () => ({}),
    ...more,
  };
  const answer = await provision(
    {
      spec: { ...localSpec, privateZone: "ZPRIVATE" },
      route53: answering(new Route53Client({ region: "eu-west-1" }), calls, answers),
      async respond(url, body) {
        heard.push({ url, body: JSON.parse(body) });
      },
    },
    event,
  );
  const changed = calls.filter(([operation]) => operation === "ChangeResourceRecordSets").map(([, input]) => input);
  return { answer, calls, heard, changed };
}

describe("a stack that is deleted", () => {
  test("is rid of the two records that the controller keeps, and of no other", async () => {
    const { changed, heard } = await asked(REQUEST);
    expect(changed).toEqual(
      ["writer", "reader"].map((name) => ({
        HostedZoneId: "ZPRIVATE",
        ChangeBatch: {
          Changes: [
            {
              Action: "DELETE",
              ResourceRecordSet: ZONE_RECORDS.find(({ Name }) => Name.startsWith(name)),
            },
          ],
        },
      })),
    );
    expect(heard).toEqual([
      {
        url: REQUEST.ResponseURL,
        body: {
          Status: "SUCCESS",
          PhysicalResourceId: "zone-clean-up",
          StackId: REQUEST.StackId,
          RequestId: "r-1",
          LogicalResourceId: "PrivateZoneCleanUp",
        },
      },
    ]);
  });

  test("goes on where they have never been written", async () => {
    const { changed, heard } = await asked(REQUEST, ZONE_RECORDS.slice(0, 2));
    expect(changed).toEqual([]);
    expect(heard[0]?.body).toMatchObject({ Status: "SUCCESS" });
  });

  test("is told why it cannot go on", async () => {
    const { heard } = await asked(REQUEST, ZONE_RECORDS, {
      ChangeResourceRecordSets: () => {
        throw sdkError("AccessDenied", "not yours");
      },
    });
    expect(heard[0]?.body).toMatchObject({ Status: "FAILED", Reason: expect.stringContaining("not yours") });
  });
});

test.each(["Create", "Update"])("%s changes nothing", async (RequestType) => {
  const { calls, heard } = await asked({ ...REQUEST, RequestType });
  expect(calls).toEqual([]);
  expect(heard[0]?.body).toMatchObject({ Status: "SUCCESS" });
});

test("what is no request of a stack is refused, and nobody is answered", async () => {
  await expect(asked({ RequestType: "Delete" })).rejects.toMatchObject({ code: "bad-event" });
});
