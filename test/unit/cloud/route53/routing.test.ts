import { TestDNSAnswerCommand, type ResourceRecordSet } from "@aws-sdk/client-route-53";
import { describe, expect, test } from "@jest/globals";
import { WORK_MS } from "../../../../local/cloud/services/route53/zones.ts";
import { publicZone, site } from "./zone.ts";

const [A, B, C] = ["192.0.2.1", "192.0.2.2", "192.0.2.3"] as const;
const BERLIN = "127.61.0.1";
const CALIFORNIA = "127.62.0.1";
const NEW_YORK = "127.63.0.1";
const TOKYO = "127.64.0.1";

/** Long enough for two probes at 10 s to be believed. */
const TWO_PROBES_MS = 25_000;

describe("visitors of a name with several records", () => {
  test("are spread by weight, and nobody is sent to weight 0", async () => {
    const { put, hundred } = await publicZone();
    await put(site("a", A, { Weight: 90 }), site("b", B, { Weight: 10 }), site("c", C, { Weight: 0 }));
    const counts = hundred();
    expect(Object.keys(counts).toSorted()).toEqual([A, B]);
    expect(counts[A]).toBeGreaterThan(75);
  });

  test("are sent to weight 0 when nothing else is healthy, and anywhere when nothing is", async () => {
    const { world, put, tcp, up, asked, hundred } = await publicZone();
    up.add(C);
    const [a, b, c] = [await tcp(A), await tcp(B), await tcp(C)];
    await put(
      site("a", A, { Weight: 5, HealthCheckId: a }),
      site("b", B, { Weight: 5, HealthCheckId: b }),
      site("c", C, { Weight: 0, HealthCheckId: c }),
    );
    await world.clock.advance(TWO_PROBES_MS);
    expect(asked()).toEqual([C]);
    up.delete(C);
    await world.clock.advance(TWO_PROBES_MS);
    expect(Object.keys(hundred()).toSorted()).toEqual([A, B]);
  });

  test("are sent to the secondary while the primary is down, and back", async () => {
    const { world, put, tcp, up, asked } = await publicZone();
    up.add(A);
    const HealthCheckId = await tcp(A);
    await put(site("a", A, { Failover: "PRIMARY", HealthCheckId }), site("b", B, { Failover: "SECONDARY" }));
    expect(asked()).toEqual([A]);
    up.delete(A);
    await world.clock.advance(9_000);
    expect(asked()).toEqual([A]);
    await world.clock.advance(TWO_PROBES_MS);
    expect(asked()).toEqual([B]);
    up.add(A);
    await world.clock.advance(TWO_PROBES_MS);
    expect(asked()).toEqual([A]);
  });

  test("are sent to the region that is nearest and healthy", async () => {
    const { world, put, tcp, up, asked } = await publicZone();
    up.add(A);
    const HealthCheckId = await tcp(A);
    await put(
      site("a", A, { Region: "us-west-2", HealthCheckId }),
      site("b", B, { Region: "eu-central-1" }),
      site("c", C, { Region: "ap-northeast-1" }),
    );
    expect([CALIFORNIA, BERLIN, TOKYO, undefined].map((viewer) => asked(viewer))).toEqual([[A], [B], [C], [B]]);
    up.delete(A);
    await world.clock.advance(TWO_PROBES_MS);
    expect(asked(CALIFORNIA)).not.toEqual([A]);
  });

  test("are sent by the smallest area that they are in, and to the default from nowhere", async () => {
    const { put, asked } = await publicZone();
    await put(
      site("eu", A, { GeoLocation: { ContinentCode: "EU" } }),
      site("us", B, { GeoLocation: { CountryCode: "US" } }),
      site("ca", C, { GeoLocation: { CountryCode: "US", SubdivisionCode: "CA" } }),
    );
    expect([BERLIN, NEW_YORK, CALIFORNIA].map((viewer) => asked(viewer))).toEqual([[A], [B], [C]]);
    expect([TOKYO, undefined].map((viewer) => asked(viewer))).toEqual([[], []]);
    await put(site("rest", "192.0.2.9", { GeoLocation: { CountryCode: "*" } }));
    expect([TOKYO, "10.0.0.1", undefined].map((viewer) => asked(viewer))).toEqual([
      ["192.0.2.9"],
      ["192.0.2.9"],
      ["192.0.2.9"],
    ]);
  });

  test("of an area that is down are sent to the larger one", async () => {
    const { world, put, tcp, asked } = await publicZone();
    const HealthCheckId = await tcp(C);
    await put(
      site("us", B, { GeoLocation: { CountryCode: "US" } }),
      site("ca", C, { GeoLocation: { CountryCode: "US", SubdivisionCode: "CA" }, HealthCheckId }),
    );
    await world.clock.advance(TWO_PROBES_MS);
    expect(asked(CALIFORNIA)).toEqual([B]);
  });

  test("get up to eight healthy ones of a multivalue answer", async () => {
    const { world, put, tcp, asked } = await publicZone();
    const HealthCheckId = await tcp(A);
    await put(
      site("down", A, { MultiValueAnswer: true, HealthCheckId }),
      ...Array.from({ length: 10 }, (_, index) => site(`${index}`, `198.51.100.${index}`, { MultiValueAnswer: true })),
    );
    await world.clock.advance(TWO_PROBES_MS);
    const answer = asked() ?? [];
    expect(new Set(answer).size).toBe(8);
    expect(answer).not.toContain(A);
  });

  test("follow an alias to a balancer and to records, as healthy as what it leads to", async () => {
    const { put, asked } = await publicZone(undefined, { good: true, sick: false });
    const alias = (DNSName: string, more: Partial<ResourceRecordSet>): ResourceRecordSet => ({
      Name: "www.example.org",
      Type: "A",
      AliasTarget: { DNSName, HostedZoneId: "Z32O12XQLNTSW2", EvaluateTargetHealth: true },
      ...more,
    });
    await put(
      alias("sick", { SetIdentifier: "a", Failover: "PRIMARY" }),
      alias("dualstack.good", { SetIdentifier: "b", Failover: "SECONDARY" }),
    );
    expect(asked()).toEqual(["127.20.0.4"]);
    await put(alias("www.example.org", { Name: "static.example.org" }));
    expect(asked(undefined, "static.example.org")).toEqual(["127.20.0.4"]);
  });
});

describe("TestDNSAnswer", () => {
  test("says what a resolver would be told, and a client behind one", async () => {
    const { client, put, HostedZoneId } = await publicZone();
    await put(
      site("eu", A, { GeoLocation: { ContinentCode: "EU" } }),
      site("rest", B, { GeoLocation: { CountryCode: "*" } }),
    );
    const ask = (more: object, RecordName = "www.example.org") =>
      client.send(new TestDNSAnswerCommand({ HostedZoneId, RecordName, RecordType: "A", ...more }));
    expect(await ask({ ResolverIP: BERLIN })).toMatchObject({
      RecordData: [A],
      ResponseCode: "NOERROR",
      Protocol: "UDP",
    });
    const behind = await ask({ ResolverIP: BERLIN, EDNS0ClientSubnetIP: "127.64.0.0", EDNS0ClientSubnetMask: "24" });
    expect(behind.RecordData).toEqual([B]);
    expect((await ask({}, "nothing.example.org")).ResponseCode).toBe("NXDOMAIN");
  });
});

describe("a change of records", () => {
  test("sent while Route 53 works on the one before is refused, and can be sent again", async () => {
    const { world, send } = await publicZone();
    await send("CREATE", site("a", A, { Weight: 1 }));
    await expect(send("CREATE", site("b", B, { Weight: 1 }))).rejects.toMatchObject({
      name: "PriorRequestNotComplete",
    });
    await world.clock.advance(WORK_MS);
    await send("CREATE", site("b", B, { Weight: 1 }));
  });

  test("counts each UPSERT twice against the thousand records of a batch", async () => {
    const { send } = await publicZone();
    const many = Array.from({ length: 501 }, (_, index) => site(`${index}`, A, { Weight: 1 }));
    await expect(send("UPSERT", ...many)).rejects.toThrow("Number of records limit of 1000 exceeded");
    await send("CREATE", ...many);
  });

  test.each<[string, Partial<ResourceRecordSet>, RegExp]>([
    ["two policies", { Weight: 1, Region: "eu-west-1" }, /more than one/],
    ["a policy without its identifier", { SetIdentifier: undefined, Weight: 1 }, /Missing field 'SetIdentifier'/],
    ["an identifier without its policy", {}, /Missing routing policy/],
    ["a weight beyond 255", { Weight: 256 }, /Invalid Weight/],
    ["an area that is none", { GeoLocation: { ContinentCode: "EU", CountryCode: "DE" } }, /either a ContinentCode/],
    ["another policy than its neighbours", { Failover: "PRIMARY" }, /another routing policy/],
    [
      "a policy that the name server does not know",
      { CidrRoutingConfig: { CollectionId: "c", LocationName: "l" } },
      /does not answer DNS by CidrRoutingConfig/,
    ],
    [
      "an alias to what is not in its zone",
      {
        Weight: 1,
        TTL: undefined,
        ResourceRecords: undefined,
        AliasTarget: { HostedZoneId: "ZONE", DNSName: "no.example.org", EvaluateTargetHealth: false },
      },
      /target was not found/,
    ],
  ])("refuses %s", async (_what, more, words) => {
    const { world, send, HostedZoneId } = await publicZone();
    await send("CREATE", site("first", A, { Weight: 1 }));
    await world.clock.advance(WORK_MS);
    const alias = more.AliasTarget && { AliasTarget: { ...more.AliasTarget, HostedZoneId } };
    await expect(send("CREATE", site("second", B, { ...more, ...alias }))).rejects.toThrow(words);
  });

  test("cannot name a health check that is not there", async () => {
    const { send } = await publicZone();
    await expect(send("CREATE", site("a", A, { Weight: 1, HealthCheckId: "no" }))).rejects.toMatchObject({
      name: "NoSuchHealthCheck",
    });
  });
});
