import { describe, expect, test } from "@jest/globals";
import {
  ChangeResourceRecordSetsCommand,
  CreateHostedZoneCommand,
  DeleteHostedZoneCommand,
  GetChangeCommand,
  GetHostedZoneCommand,
  ListHostedZonesByNameCommand,
  ListResourceRecordSetsCommand,
  Route53Client,
  type ResourceRecordSet,
} from "@aws-sdk/client-route-53";
import { Packet } from "dns2";
import { openRoute53 } from "../../../../local/cloud/services/route53/index.ts";
import { WORK_MS } from "../../../../local/cloud/services/route53/zones.ts";
import { respond } from "../../../../local/farm/dns.ts";
import { sdkClient, testEndpoint, testWorld } from "../client.ts";

const address = (Name: string, Value: string): ResourceRecordSet => ({
  Name,
  Type: "A",
  TTL: 5,
  ResourceRecords: [{ Value }],
});

async function withZone() {
  const world = testWorld();
  const route53 = openRoute53(world);
  const endpoint = testEndpoint(world, route53.service);
  const client = sdkClient(Route53Client, endpoint.handle);
  const created = await client.send(
    new CreateHostedZoneCommand({
      Name: "local.tandem.internal",
      CallerReference: "1",
      VPC: { VPCId: "vpc-1", VPCRegion: "eu-west-1" },
    }),
  );
  const HostedZoneId = created.HostedZone?.Id?.replace("/hostedzone/", "");
  const change = async (Action: "CREATE" | "DELETE" | "UPSERT", ...records: ResourceRecordSet[]) => {
    await world.clock.advance(WORK_MS);
    return client.send(
      new ChangeResourceRecordSetsCommand({
        HostedZoneId,
        ChangeBatch: { Changes: records.map((ResourceRecordSet) => ({ Action, ResourceRecordSet })) },
      }),
    );
  };
  return { world, route53, client, created, HostedZoneId, change, endpoint };
}

describe("a private zone", () => {
  test("shows a record at once and answers with it when the change is INSYNC", async () => {
    const { world, route53, client, change, HostedZoneId } = await withZone();
    await world.clock.advance(10_000);
    const { ChangeInfo } = await change("CREATE", address("db-a.local.tandem.internal", "127.20.10.10"));
    expect(ChangeInfo?.Status).toBe("PENDING");
    expect(route53.answer("db-a.local.tandem.internal", "A")).toBeUndefined();
    const { ResourceRecordSets } = await client.send(new ListResourceRecordSetsCommand({ HostedZoneId }));
    expect(ResourceRecordSets?.map(({ Name, Type }) => `${Name} ${Type}`)).toEqual([
      "local.tandem.internal. NS",
      "local.tandem.internal. SOA",
      "db-a.local.tandem.internal. A",
    ]);
    await world.clock.advance(2_000);
    const after = await client.send(new GetChangeCommand({ Id: ChangeInfo?.Id }));
    expect(after.ChangeInfo?.Status).toBe("INSYNC");
    expect(route53.answer("DB-A.local.tandem.internal.", "A")).toEqual([
      { name: "db-a.local.tandem.internal.", type: "A", ttl: 5, value: "127.20.10.10" },
    ]);
  });

  test("takes a batch whole or not at all, and says every reason", async () => {
    const { change, client, HostedZoneId } = await withZone();
    await change("CREATE", address("a.local.tandem.internal", "127.20.0.1"));
    const refused = change(
      "CREATE",
      address("new.local.tandem.internal", "127.20.0.2"),
      address("a.local.tandem.internal", "127.20.0.3"),
      address("bad.local.tandem.internal", "300.1.1.1"),
      address("elsewhere.example.com", "127.20.0.4"),
      { Name: "local.tandem.internal", Type: "CNAME", TTL: 1, ResourceRecords: [{ Value: "x" }] },
    );
    await expect(refused).rejects.toMatchObject({
      name: "InvalidChangeBatch",
      message: expect.stringMatching(/already exists.*IllegalIPv4Address.*not permitted in zone.*at apex/s),
    });
    const { ResourceRecordSets } = await client.send(new ListResourceRecordSetsCommand({ HostedZoneId }));
    expect(ResourceRecordSets).toHaveLength(3);
  });

  test("deletes only a record that is given as it is", async () => {
    const { change } = await withZone();
    await change("CREATE", address("a.local.tandem.internal", "127.20.0.1"));
    await expect(change("DELETE", address("a.local.tandem.internal", "127.20.0.9"))).rejects.toThrow(
      "do not match the current values",
    );
    await expect(change("DELETE", address("b.local.tandem.internal", "127.20.0.9"))).rejects.toThrow(
      "but it was not found",
    );
    await change("UPSERT", address("a.local.tandem.internal", "127.20.0.2"));
    await change("DELETE", address("a.local.tandem.internal", "127.20.0.2"));
  });

  test("is found by name, and goes only when it is empty", async () => {
    const { change, client, HostedZoneId, created, endpoint } = await withZone();
    expect(created.Location).toContain(HostedZoneId);
    const zone = await client.send(new GetHostedZoneCommand({ Id: HostedZoneId }));
    expect(zone).toMatchObject({ HostedZone: { Config: { PrivateZone: true } }, VPCs: [{ VPCId: "vpc-1" }] });
    expect(endpoint.calls.at(-1)?.resource).toBe(`arn:aws:route53:::hostedzone/${HostedZoneId}`);
    const named = await client.send(new ListHostedZonesByNameCommand({ DNSName: "local.tandem.internal" }));
    expect(named.HostedZones?.map(({ Name }) => Name)).toEqual(["local.tandem.internal."]);
    await change("CREATE", address("a.local.tandem.internal", "127.20.0.1"));
    await expect(client.send(new DeleteHostedZoneCommand({ Id: HostedZoneId }))).rejects.toMatchObject({
      name: "HostedZoneNotEmpty",
    });
    await change("DELETE", address("a.local.tandem.internal", "127.20.0.1"));
    await client.send(new DeleteHostedZoneCommand({ Id: HostedZoneId }));
    await expect(client.send(new GetHostedZoneCommand({ Id: HostedZoneId }))).rejects.toMatchObject({
      name: "NoSuchHostedZone",
    });
  });
});

describe("the name server", () => {
  test("answers, follows names and wildcards, and tells NXDOMAIN from no record and from a foreign name", async () => {
    const { world, route53, change } = await withZone();
    await change(
      "CREATE",
      address("db-a.local.tandem.internal", "127.20.10.10"),
      address("*.any.local.tandem.internal", "127.20.0.7"),
      {
        Name: "writer.local.tandem.internal",
        Type: "CNAME",
        TTL: 1,
        ResourceRecords: [{ Value: "db-a.local.tandem.internal" }],
      },
    );
    await world.clock.advance(2_000);
    const ask = (name: string, type: number) => {
      const query = new Packet();
      query.questions.push(new Packet.Question({ name, type, class: Packet.CLASS.IN }));
      // through bytes, as a client would see it
      const { header, answers, authorities } = Packet.parse(
        respond(Packet.parse(query.toBuffer()), route53.answer).toBuffer(),
      );
      return {
        rcode: header.rcode,
        answers: answers.map((one) => one.address ?? one.domain),
        authorities: authorities.length,
      };
    };
    expect(ask("db-a.local.tandem.internal", Packet.TYPE.A)).toEqual({
      rcode: 0,
      answers: ["127.20.10.10"],
      authorities: 0,
    });
    expect(ask("writer.local.tandem.internal", Packet.TYPE.A)).toEqual({
      rcode: 0,
      answers: ["db-a.local.tandem.internal", "127.20.10.10"],
      authorities: 0,
    });
    expect(ask("x.any.local.tandem.internal", Packet.TYPE.A)).toEqual({
      rcode: 0,
      answers: ["127.20.0.7"],
      authorities: 0,
    });
    expect(ask("db-a.local.tandem.internal", Packet.TYPE.AAAA)).toEqual({ rcode: 0, answers: [], authorities: 1 });
    expect(ask("none.local.tandem.internal", Packet.TYPE.A)).toEqual({ rcode: 3, answers: [], authorities: 1 });
    expect(ask("example.com", Packet.TYPE.A)).toEqual({ rcode: 5, answers: [], authorities: 0 });
  });
});
