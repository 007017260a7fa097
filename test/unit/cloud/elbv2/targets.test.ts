import { describe, expect, test } from "@jest/globals";
import { DeleteListenerCommand, RegisterTargetsCommand } from "@aws-sdk/client-elastic-load-balancing-v2";
import { ask, attributes, createGroup, farmOf, healthOf, hosts, openModel, start } from "./model-farm.ts";

describe("a target's health", () => {
  test("is unused while no listener forwards to its group, and unknown targets are not registered", async () => {
    const model = openModel();
    const groupArn = await createGroup(model);
    model.elb.register(groupArn, { id: "i-1" });
    await model.world.clock.advance(60_000);

    expect(await healthOf(model, groupArn, "i-1")).toMatchObject({ State: "unused", Reason: "Target.NotInUse" });
    expect(await healthOf(model, groupArn, "i-2")).toMatchObject({ State: "unused", Reason: "Target.NotRegistered" });
    expect(model.probed).toEqual([]);
  });

  test("begins as initial and is healthy after one check that passes", async () => {
    const model = await farmOf([]);
    model.elb.register(model.groupArn, { id: "i-1" });
    expect(await healthOf(model, model.groupArn, "i-1")).toMatchObject({
      State: "initial",
      Reason: "Elb.RegistrationInProgress",
    });

    await model.world.clock.advance(0);

    expect(await healthOf(model, model.groupArn, "i-1")).toEqual({ State: "healthy" });
    expect(model.probed).toEqual(["127.20.1.1:8080/tandem-health"]);
  });

  test.each([
    [{ status: 503 }, "Target.ResponseCodeMismatch", "Health checks failed with these codes: [503]"],
    [{ failure: "timeout" }, "Target.Timeout", "Request timed out"],
    [{ failure: "connection" }, "Target.FailedHealthChecks", "Health checks failed"],
  ] as const)("after the threshold of checks that end in %j is unhealthy: %s", async (result, Reason, Description) => {
    const model = await farmOf(["i-1"]);
    model.probes.set("127.20.1.1", result);
    await model.world.clock.advance(5_000);
    expect(await healthOf(model, model.groupArn, "i-1")).toEqual({ State: "healthy" });

    await model.world.clock.advance(5_000);

    expect(await healthOf(model, model.groupArn, "i-1")).toEqual({ State: "unhealthy", Reason, Description });
  });

  test("comes back only after the whole threshold of passes", async () => {
    const model = await farmOf(["i-1"]);
    model.probes.set("127.20.1.1", { status: 500 });
    await model.world.clock.advance(10_000);
    model.probes.delete("127.20.1.1");

    await model.world.clock.advance(10_000);
    const before = model.elb.health(model.groupArn, "i-1");
    await model.world.clock.advance(5_000);

    expect([before, model.elb.health(model.groupArn, "i-1")]).toEqual(["unhealthy", "healthy"]);
  });

  test("follows the matcher of the group", async () => {
    const model = await farmOf([], { Matcher: { HttpCode: "200-299,301" } });
    model.probes.set("127.20.1.1", { status: 301 });
    model.probes.set("127.20.1.2", { status: 302 });

    for (const id of ["i-1", "i-2"]) model.elb.register(model.groupArn, { id });
    await model.world.clock.advance(6_000);

    expect(model.elb.health(model.groupArn, "i-1")).toBe("healthy");
    expect(model.elb.health(model.groupArn, "i-2")).toBe("unhealthy");
  });

  test("of an instance that lost its address is unused", async () => {
    const model = await farmOf(["i-1"]);

    model.addresses.delete("i-1");
    await model.world.clock.advance(5_000);

    expect(await healthOf(model, model.groupArn, "i-1")).toMatchObject({
      State: "unused",
      Reason: "Target.InvalidState",
    });
    expect(ask(model, "/").kind).toBe("unavailable");
  });

  test("ends with the last listener that forwards to it", async () => {
    const model = await farmOf(["i-1"]);

    await model.client.send(new DeleteListenerCommand({ ListenerArn: model.listenerArn }));

    expect(model.elb.health(model.groupArn, "i-1")).toBe("unused");
    expect(model.fronts.size).toBe(0);
  });

  test("is counted for each group every minute", async () => {
    const model = await farmOf(["i-1", "i-2"]);
    model.probes.set("127.20.1.2", { status: 500 });

    await model.world.clock.advance(60_000);

    expect(model.metrics).toEqual([
      "AWS/ApplicationELB HealthyHostCount LoadBalancer+TargetGroup 1",
      "AWS/ApplicationELB UnHealthyHostCount LoadBalancer+TargetGroup 1",
    ]);
  });

  test("of an instance that does not run is refused at registration", async () => {
    const model = await farmOf([]);

    const answer = model.client.send(
      new RegisterTargetsCommand({ TargetGroupArn: model.groupArn, Targets: [{ Id: "i-9" }] }),
    );

    await expect(answer).rejects.toMatchObject({ name: "InvalidTargetException" });
  });
});

describe("a target that is deregistered", () => {
  test("takes no new requests, keeps its open ones, and is draining until the delay has passed", async () => {
    const model = await farmOf(["i-1", "i-2"]);
    await attributes(model, model.groupArn, { "deregistration_delay.timeout_seconds": "20" });
    const open = [start(model), start(model)].find((request) => request.host === "127.20.1.1");

    model.elb.deregister(model.groupArn, "i-1");
    model.elb.deregister(model.groupArn, "i-1");

    expect(hosts(model, 3)).toEqual(["2", "2", "2"]);
    await model.world.clock.advance(19_000);
    expect(await healthOf(model, model.groupArn, "i-1")).toMatchObject({
      State: "draining",
      Reason: "Target.DeregistrationInProgress",
    });
    open?.end();
    await model.world.clock.advance(1_000);
    expect(open?.isCut()).toBe(false);
    expect(model.elb.health(model.groupArn, "i-1")).toBe("unused");
    expect(model.forgotten).toEqual(["127.20.1.1:8080"]);
  });

  test("has what is still open cut when the delay ends", async () => {
    const model = await farmOf(["i-1"]);
    await attributes(model, model.groupArn, { "deregistration_delay.timeout_seconds": "20" });
    const open = start(model);

    model.elb.deregister(model.groupArn, "i-1");
    await model.world.clock.advance(20_000);

    expect(open.isCut()).toBe(true);
  });

  test("and registered again begins anew", async () => {
    const model = await farmOf(["i-1"]);
    model.elb.deregister(model.groupArn, "i-1");

    model.elb.register(model.groupArn, { id: "i-1" });
    await model.world.clock.advance(400_000);

    expect(model.elb.health(model.groupArn, "i-1")).toBe("healthy");
  });

  test("is gone at once when no balancer uses it, and unknown ones are no error", async () => {
    const model = openModel();
    const groupArn = await createGroup(model);
    model.elb.register(groupArn, { id: "i-1" });

    model.elb.deregister(groupArn, "i-1");
    model.elb.deregister(groupArn, "i-2");

    expect(await healthOf(model, groupArn, "i-1")).toMatchObject({ Reason: "Target.NotRegistered" });
  });
});

describe("requests", () => {
  test("take turns over the healthy targets", async () => {
    const model = await farmOf(["i-1", "i-2", "i-3"]);

    expect(hosts(model, 6)).toEqual(["1", "2", "3", "1", "2", "3"]);
  });

  test("go to all targets when none is healthy", async () => {
    const model = await farmOf(["i-1", "i-2"]);
    for (const host of ["127.20.1.1", "127.20.1.2"]) model.probes.set(host, { status: 500 });

    await model.world.clock.advance(10_000);

    expect(hosts(model, 4).toSorted()).toEqual(["1", "1", "2", "2"]);
  });

  test("go to the target with the fewest open ones", async () => {
    const model = await farmOf(["i-1", "i-2"]);
    await attributes(model, model.groupArn, { "load_balancing.algorithm.type": "least_outstanding_requests" });
    const first = start(model);

    const others = [start(model), start(model), start(model)].map((request) => request.host.slice(-1));
    first.end();

    expect(others.filter((host) => host === first.host.slice(-1))).toHaveLength(1);
  });

  test("come to a target in slow start in a growing share", async () => {
    const model = await farmOf(["i-1"]);
    await attributes(model, model.groupArn, { "slow_start.duration_seconds": "100" });
    await model.world.clock.advance(100_000);
    model.elb.register(model.groupArn, { id: "i-2" });
    await model.world.clock.advance(0);
    const share = (): number => hosts(model, 40).filter((host) => host === "2").length;

    const early = share();
    await model.world.clock.advance(50_000);
    const middle = share();
    await model.world.clock.advance(50_000);

    expect(early).toBeLessThan(4);
    expect(middle).toBeGreaterThan(10);
    expect(share()).toBe(20);
  });

  test("come whole to targets of which none could take what slow start keeps from them, and to those before it", async () => {
    const model = await farmOf(["i-1", "i-2"]);
    await attributes(model, model.groupArn, { "slow_start.duration_seconds": "100" });
    expect(hosts(model, 4)).toEqual(["1", "2", "1", "2"]);
    const empty = await farmOf([]);
    await attributes(empty, empty.groupArn, { "slow_start.duration_seconds": "100" });

    for (const id of ["i-1", "i-2"]) empty.elb.register(empty.groupArn, { id });
    await empty.world.clock.advance(0);

    // the second finds the first in service, and is the one that begins slowly
    expect(hosts(empty, 20).filter((host) => host === "1").length).toBeGreaterThan(15);
  });

  test("come slowly again to a target that was unhealthy", async () => {
    const model = await farmOf(["i-1", "i-2"]);
    await attributes(model, model.groupArn, { "slow_start.duration_seconds": "100" });
    model.probes.set("127.20.1.2", { status: 500 });
    await model.world.clock.advance(10_000);
    model.probes.delete("127.20.1.2");
    await model.world.clock.advance(15_000);

    expect(model.elb.health(model.groupArn, "i-2")).toBe("healthy");
    expect(hosts(model, 20).filter((host) => host === "2").length).toBeLessThan(3);
  });

  test("go to healthy targets at random by weighted_random, to each about as often", async () => {
    const model = await farmOf(["i-1", "i-2", "i-3"]);
    await attributes(model, model.groupArn, { "load_balancing.algorithm.type": "weighted_random" });
    model.probes.set("127.20.1.3", { status: 500 });
    await model.world.clock.advance(10_000);

    const seen = hosts(model, 400);

    expect(seen).not.toContain("3");
    const first = seen.filter((host) => host === "1").length;
    expect(first).toBeGreaterThan(150);
    expect(first).toBeLessThan(250);
    expect(seen.join("")).toMatch(/11/);
  });

  test.each([
    [{ "slow_start.duration_seconds": "29" }, "must be 0 or between 30 and 900"],
    [{ "slow_start.duration_seconds": "901" }, "between 0 and 900"],
    [
      { "load_balancing.algorithm.type": "least_outstanding_requests", "slow_start.duration_seconds": "30" },
      "Slow start is not available with the algorithm 'least_outstanding_requests'",
    ],
    [
      { "slow_start.duration_seconds": "30", "load_balancing.algorithm.type": "weighted_random" },
      "Slow start is not available with the algorithm 'weighted_random'",
    ],
    [{ "load_balancing.algorithm.type": "random" }, "must be one of round_robin"],
  ])("keep their algorithm where AWS refuses another: %j", async (pairs, words) => {
    const model = await farmOf(["i-1"]);

    await expect(attributes(model, model.groupArn, pairs)).rejects.toThrow(words);

    await attributes(model, model.groupArn, { "slow_start.duration_seconds": "30" });
    await expect(
      attributes(model, model.groupArn, { "load_balancing.algorithm.type": "least_outstanding_requests" }),
    ).rejects.toMatchObject({ name: "InvalidConfigurationRequestException" });
  });

  test("are counted with their time, for the balancer and for the group", async () => {
    const model = await farmOf(["i-1"]);

    start(model).end({ milliseconds: 250, targetStatus: 502 });
    start(model).end({ milliseconds: 3, balancerStatus: 502 });

    expect(model.metrics.filter((line) => !line.includes("+"))).toEqual([
      "AWS/ApplicationELB RequestCount LoadBalancer 1",
      "AWS/ApplicationELB HTTPCode_Target_5XX_Count LoadBalancer 1",
      "AWS/ApplicationELB TargetResponseTime LoadBalancer 0.25",
      "AWS/ApplicationELB RequestCount LoadBalancer 1",
      "AWS/ApplicationELB HTTPCode_ELB_5XX_Count LoadBalancer 1",
    ]);
  });
});
