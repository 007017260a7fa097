import {
  ChangeTagsForResourceCommand,
  CreateHealthCheckCommand,
  DeleteHealthCheckCommand,
  GetHealthCheckCommand,
  GetHealthCheckStatusCommand,
  ListHealthChecksCommand,
  ListTagsForResourceCommand,
  UpdateHealthCheckCommand,
} from "@aws-sdk/client-route-53";
import { describe, expect, test } from "@jest/globals";
import { publicZone, site } from "./zone.ts";

const A = "192.0.2.1";

describe("a health check", () => {
  test("says what its checkers saw last", async () => {
    const { world, client, tcp, up } = await publicZone();
    const HealthCheckId = await tcp(A);
    up.add(A);
    await world.clock.advance(1_000);
    const { HealthCheckObservations } = await client.send(new GetHealthCheckStatusCommand({ HealthCheckId }));
    expect(HealthCheckObservations?.[0]?.StatusReport?.Status).toBe("Success: modelled");
  });

  test("made twice with one caller reference is one; with other settings it is refused", async () => {
    const { client } = await publicZone();
    const make = (IPAddress: string) =>
      client.send(
        new CreateHealthCheckCommand({ CallerReference: "x", HealthCheckConfig: { Type: "TCP", Port: 80, IPAddress } }),
      );
    const first = await make(A);
    expect((await make(A)).HealthCheck?.Id).toBe(first.HealthCheck?.Id);
    expect(first.HealthCheck?.HealthCheckConfig).toMatchObject({ RequestInterval: 30, FailureThreshold: 3 });
    await expect(make("192.0.2.2")).rejects.toMatchObject({ name: "HealthCheckAlreadyExists" });
  });

  test("is changed by who knows its version, and shows its tags", async () => {
    const { client, tcp } = await publicZone();
    const HealthCheckId = await tcp(A);
    const update = (HealthCheckVersion: number) =>
      client.send(new UpdateHealthCheckCommand({ HealthCheckId, HealthCheckVersion, Inverted: true }));
    await update(1);
    await expect(update(1)).rejects.toMatchObject({ name: "HealthCheckVersionMismatch" });
    const { HealthCheck } = await client.send(new GetHealthCheckCommand({ HealthCheckId }));
    expect(HealthCheck).toMatchObject({ HealthCheckVersion: 2, HealthCheckConfig: { Inverted: true, IPAddress: A } });
    const resource = { ResourceType: "healthcheck" as const, ResourceId: HealthCheckId };
    await client.send(new ChangeTagsForResourceCommand({ ...resource, AddTags: [{ Key: "a", Value: "1" }] }));
    const { ResourceTagSet } = await client.send(new ListTagsForResourceCommand(resource));
    expect(ResourceTagSet?.Tags).toEqual([{ Key: "a", Value: "1" }]);
  });

  test("that is calculated follows its children, inverted and disabled ones included", async () => {
    const { world, check, tcp, up, put, asked } = await publicZone();
    up.add("192.0.2.1").add("192.0.2.2");
    const children = [await tcp("192.0.2.1"), await tcp("192.0.2.2"), await tcp("192.0.2.3", { Disabled: true })];
    const HealthCheckId = await check({ Type: "CALCULATED", ChildHealthChecks: children, HealthThreshold: 2 });
    await put(
      site("a", "198.51.100.1", { Failover: "PRIMARY", HealthCheckId }),
      site("b", "198.51.100.2", { Failover: "SECONDARY" }),
    );
    up.delete("192.0.2.1");
    await world.clock.advance(25_000);
    expect(asked()).toEqual(["198.51.100.1"]);
    up.delete("192.0.2.2");
    await world.clock.advance(25_000);
    expect(asked()).toEqual(["198.51.100.2"]);
  });

  test("of a kind that the embedded cloud does not have is refused by name", async () => {
    const { check, tcp } = await publicZone();
    await expect(check({ Type: "CLOUDWATCH_METRIC" })).rejects.toThrow("CLOUDWATCH_METRIC");
    const child = await check({ Type: "CALCULATED", ChildHealthChecks: [await tcp(A)] });
    await expect(check({ Type: "CALCULATED", ChildHealthChecks: [child] })).rejects.toThrow("cannot be the child");
  });

  test("probes no longer once it is deleted", async () => {
    let probes = 0;
    const { world, client, tcp } = await publicZone(async () => {
      probes += 1;
      return { healthy: true, reason: "Success" };
    });
    const HealthCheckId = await tcp(A);
    await world.clock.advance(15_000);
    await client.send(new DeleteHealthCheckCommand({ HealthCheckId }));
    await world.clock.advance(60_000);
    expect(probes).toBe(2);
    expect((await client.send(new ListHealthChecksCommand({}))).HealthChecks ?? []).toEqual([]);
  });
});
