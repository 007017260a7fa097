import { createSocket } from "node:dgram";
import { once } from "node:events";
import { createServer } from "node:http";
import type { ResourceRecordSet } from "@aws-sdk/client-route-53";
import { afterEach, describe, expect, test } from "@jest/globals";
import { Packet, TCPClient, UDPClient } from "dns2";
import type dns2 from "dns2";
import { openDns } from "../../local/farm/dns.ts";
import { realProber } from "../../local/farm/health-prober.ts";
import { publicZone, site, SITE } from "../unit/cloud/route53/zone.ts";

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

const HOST = "127.0.0.1";
const [A, B, C] = ["192.0.2.1", "192.0.2.2", "192.0.2.3"] as const;

const addresses = (packet: dns2.Packet): (string | undefined)[] => packet.answers.map(({ address }) => address);

/** The farm's name server with these records, and `dig` over UDP and TCP, for a client of a subnet and by resolvers. */
async function nameServer(...records: ResourceRecordSet[]) {
  const zone = await publicZone(realProber);
  closers.push(async () => zone.route53.service.close?.());
  if (records.length > 0) await zone.put(...records);
  const server = await openDns(zone.route53.answer, HOST, 0);
  closers.push(() => server.close());
  const { port } = server;
  const udp = UDPClient({ dns: HOST, port });
  const tcp = TCPClient({ dns: HOST, port });
  const dig = async (clientIp?: string) =>
    addresses(await udp(SITE, "A", Packet.CLASS.IN, clientIp ? { clientIp } : {}));
  const digTcp = async () => addresses(await tcp(SITE, "A"));
  const digFrom = async (resolver: string) => {
    const socket = createSocket("udp4").bind(0, resolver);
    await once(socket, "listening");
    const query = new Packet();
    query.header.id = 7;
    query.questions.push(new Packet.Question(SITE, Packet.TYPE.A, Packet.CLASS.IN));
    const answered = once(socket, "message");
    socket.send(query.toBuffer(), port, HOST);
    const [message]: Buffer[] = await answered;
    socket.close();
    return addresses(Packet.parse(message ?? Buffer.alloc(0)));
  };
  return { ...zone, dig, digTcp, digFrom };
}

describe("the farm's name server", () => {
  test("answers weighted records with each of them", async () => {
    const { dig } = await nameServer(
      site("a", A, { Weight: 1 }),
      site("b", B, { Weight: 1 }),
      site("c", C, { Weight: 0 }),
    );
    const seen = new Set<string | undefined>();
    for (let turn = 0; turn < 40; turn++) for (const address of await dig()) seen.add(address);
    expect([...seen]).toEqual(expect.arrayContaining([A, B]));
    expect(seen.size).toBe(2);
  });

  test("answers failover records by what the probes of a real endpoint say", async () => {
    const origin = createServer((_request, response) => response.end("fine"));
    origin.listen(0, HOST);
    await once(origin, "listening");
    const address = origin.address();
    const Port = typeof address === "object" && address !== null ? address.port : 0;
    const { world, check, put, dig } = await nameServer();
    const HealthCheckId = await check({
      Type: "HTTP_STR_MATCH",
      IPAddress: HOST,
      Port,
      ResourcePath: "/",
      SearchString: "fine",
      RequestInterval: 10,
      FailureThreshold: 1,
    });
    await put(site("a", A, { Failover: "PRIMARY", HealthCheckId }), site("b", B, { Failover: "SECONDARY" }));
    await probed(world.clock);
    const before = await dig();

    origin.closeAllConnections();
    origin.close();
    await once(origin, "close");
    await probed(world.clock);
    const after = await dig();

    expect([before, after]).toEqual([[A], [B]]);
  });

  test("answers latency records by where the client's subnet or the resolver is", async () => {
    const { dig, digFrom } = await nameServer(
      site("a", A, { Region: "us-east-1" }),
      site("b", B, { Region: "eu-central-1" }),
      site("c", C, { Region: "ap-northeast-1" }),
    );
    expect([await dig("127.63.0.0/24"), await dig("127.61.0.0/24"), await digFrom("127.64.0.9")]).toEqual([
      [A],
      [B],
      [C],
    ]);
  });

  test("answers geolocation records by country, continent and default", async () => {
    const { dig, digFrom } = await nameServer(
      site("de", A, { GeoLocation: { CountryCode: "DE" } }),
      site("eu", B, { GeoLocation: { ContinentCode: "EU" } }),
      site("rest", C, { GeoLocation: { CountryCode: "*" } }),
    );
    expect(await dig("192.0.2.0/24")).toEqual([A]);
    expect(await digFrom("127.68.0.1")).toEqual([B]);
    expect(await dig("203.0.113.0/24")).toEqual([C]);
    expect(await dig()).toEqual([C]);
  });

  test("answers multivalue records with all of them, over UDP and TCP", async () => {
    const { dig, digTcp } = await nameServer(
      ...[A, B, C].map((value) => site(value, value, { MultiValueAnswer: true })),
    );
    expect(new Set(await dig())).toEqual(new Set([A, B, C]));
    expect(new Set(await digTcp())).toEqual(new Set([A, B, C]));
  });
});

/** Lets the world reach the next probe, and the probe's real connection come to its end. */
async function probed(clock: { advance(ms: number): Promise<void> }): Promise<void> {
  await clock.advance(10_000);
  await new Promise((resolve) => setTimeout(resolve, 100));
  await clock.advance(0);
}
