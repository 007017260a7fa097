import {
  ChangeResourceRecordSetsCommand,
  CreateHealthCheckCommand,
  CreateHostedZoneCommand,
  Route53Client,
  type HealthCheckConfig,
  type ResourceRecordSet,
} from "@aws-sdk/client-route-53";
import { openRoute53, type HealthProber } from "../../../../local/cloud/services/route53/index.ts";
import { PROPAGATION_MS, WORK_MS } from "../../../../local/cloud/services/route53/zones.ts";
import { sdkClient, testEndpoint, testWorld } from "../client.ts";

export const SITE = "www.example.org";

/** An A record of the site, by a routing policy that `more` names. */
export const site = (SetIdentifier: string, Value: string, more: Partial<ResourceRecordSet>): ResourceRecordSet => ({
  Name: SITE,
  Type: "A",
  TTL: 10,
  SetIdentifier,
  ResourceRecords: [{ Value }],
  ...more,
});

/** A public zone `example.org`. What `up` holds is answered by the probes of health checks as healthy. */
export async function publicZone(probe?: HealthProber, targets: Readonly<Record<string, boolean>> = {}) {
  const world = testWorld();
  const up = new Set<string>();
  const modelled: HealthProber = async ({ host }) =>
    up.has(host) ? { healthy: true, reason: "Success: modelled" } : { healthy: false, reason: "Failure: modelled" };
  const route53 = openRoute53(world, {
    probe: probe ?? modelled,
    target: (name) =>
      targets[name] === undefined ? undefined : { addresses: [`127.20.0.${name.length}`], healthy: targets[name] },
  });
  const client = sdkClient(Route53Client, testEndpoint(world, route53.service).handle);
  const zone = await client.send(new CreateHostedZoneCommand({ Name: "example.org", CallerReference: "1" }));
  const HostedZoneId = zone.HostedZone?.Id?.replace("/hostedzone/", "") ?? "";
  const send = (Action: "CREATE" | "UPSERT" | "DELETE", ...records: ResourceRecordSet[]) =>
    client.send(
      new ChangeResourceRecordSetsCommand({
        HostedZoneId,
        ChangeBatch: { Changes: records.map((ResourceRecordSet) => ({ Action, ResourceRecordSet })) },
      }),
    );
  const put = async (...records: ResourceRecordSet[]): Promise<void> => {
    await world.clock.advance(WORK_MS);
    await send("UPSERT", ...records);
    await world.clock.advance(PROPAGATION_MS);
  };
  let checks = 0;
  const check = async (config: HealthCheckConfig): Promise<string> => {
    const CallerReference = String(++checks);
    const made = await client.send(new CreateHealthCheckCommand({ CallerReference, HealthCheckConfig: config }));
    return made.HealthCheck?.Id ?? "";
  };
  const tcp = (IPAddress: string, more = {}) =>
    check({ Type: "TCP", IPAddress, Port: 80, RequestInterval: 10, FailureThreshold: 2, ...more });
  /** Addresses that a visitor is given, by default one who is nowhere on the map. */
  const asked = (viewer?: string, name = SITE): string[] | undefined =>
    route53.answer(name, "A", viewer)?.map(({ value }) => value);
  /** How often each address is the first of a hundred answers. */
  const hundred = (viewer?: string): Record<string, number> => {
    const counts: Record<string, number> = {};
    for (let turn = 0; turn < 100; turn++) {
      const [first = "none"] = asked(viewer) ?? [];
      counts[first] = (counts[first] ?? 0) + 1;
    }
    return counts;
  };
  return { world, route53, client, HostedZoneId, send, put, check, tcp, up, asked, hundred };
}
