import { describe, expect, test } from "@jest/globals";
import {
  AddTagsCommand,
  CreateListenerCommand,
  CreateLoadBalancerCommand,
  CreateRuleCommand,
  DeleteLoadBalancerCommand,
  DeleteRuleCommand,
  DeleteTargetGroupCommand,
  DescribeListenersCommand,
  DescribeLoadBalancerAttributesCommand,
  DescribeLoadBalancersCommand,
  DescribeRulesCommand,
  DescribeTagsCommand,
  DescribeTargetGroupsCommand,
  ModifyListenerCommand,
  ModifyLoadBalancerAttributesCommand,
  ModifyTargetGroupCommand,
  RemoveTagsCommand,
  SetSecurityGroupsCommand,
  SetSubnetsCommand,
  type Action,
  type RuleCondition,
} from "@aws-sdk/client-elastic-load-balancing-v2";
import { ask, attributes, createBalancer, createGroup, farmOf, listen, openModel, start } from "./model-farm.ts";

const fixed = (MessageBody: string): Action => ({
  Type: "fixed-response",
  FixedResponseConfig: { StatusCode: "200", MessageBody },
});

describe("a listener's rules", () => {
  test.each<[string, RuleCondition, string, Record<string, string>]>([
    ["a path", { Field: "path-pattern", Values: ["/wp-admin/*"] }, "/wp-admin/index.php", {}],
    ["a path by its config", { Field: "path-pattern", PathPatternConfig: { Values: ["/a?c"] } }, "/abc", {}],
    ["a host", { Field: "host-header", Values: ["*.example"] }, "/", { host: "FARM.example:80" }],
    [
      "a header",
      { Field: "http-header", HttpHeaderConfig: { HttpHeaderName: "x-kind", Values: ["be*"] } },
      "/",
      { "x-kind": "Beta" },
    ],
    ["a method", { Field: "http-request-method", HttpRequestMethodConfig: { Values: ["GET"] } }, "/", {}],
  ])("match on %s, and else the default action holds", async (_, condition, url, headers) => {
    const model = openModel();
    const listener = await listen(model, await createBalancer(model), fixed("default"));
    await model.client.send(
      new CreateRuleCommand({
        ListenerArn: listener,
        Priority: 10,
        Conditions: [condition],
        Actions: [fixed("rule")],
      }),
    );

    expect(ask(model, url, headers)).toMatchObject({ kind: "fixed-response", status: 200, body: "rule" });
    if (condition.Field !== "http-request-method")
      expect(ask(model, "/other", { host: "elsewhere.test" })).toMatchObject({ body: "default" });
  });

  test("are tried in order of priority and can be deleted", async () => {
    const model = openModel();
    const ListenerArn = await listen(model, await createBalancer(model), fixed("default"));
    const Conditions = [{ Field: "path-pattern", Values: ["/*"] }];
    const create = (Priority: number) =>
      model.client.send(
        new CreateRuleCommand({ ListenerArn, Priority, Conditions, Actions: [fixed(String(Priority))] }),
      );
    await create(20);
    const first = await create(5);
    expect(ask(model, "/")).toMatchObject({ body: "5" });
    await expect(create(5)).rejects.toMatchObject({ name: "PriorityInUseException" });

    await model.client.send(new DeleteRuleCommand({ RuleArn: first.Rules?.[0]?.RuleArn }));

    expect(ask(model, "/")).toMatchObject({ body: "20" });
    const rules = await model.client.send(new DescribeRulesCommand({ ListenerArn }));
    expect(rules.Rules?.map((rule) => rule.Priority)).toEqual(["20", "default"]);
  });

  test("forward to several groups by weight", async () => {
    const model = await farmOf(["i-1"]);
    const blue = await createGroup(model, { Name: "blue" });
    await model.client.send(
      new ModifyListenerCommand({
        ListenerArn: model.listenerArn,
        DefaultActions: [
          {
            Type: "forward",
            ForwardConfig: {
              TargetGroups: [
                { TargetGroupArn: model.groupArn, Weight: 3 },
                { TargetGroupArn: blue, Weight: 1 },
              ],
            },
          },
        ],
      }),
    );
    model.elb.register(blue, { id: "i-2" });
    await model.world.clock.advance(0);

    const taken = Array.from({ length: 8 }, () => start(model).host);

    expect(taken.filter((host) => host === "127.20.1.1")).toHaveLength(6);
    expect(taken.filter((host) => host === "127.20.1.2")).toHaveLength(2);
  });

  test("redirect with what they know of the request", async () => {
    const model = openModel();
    await listen(model, await createBalancer(model), {
      Type: "redirect",
      RedirectConfig: { Protocol: "HTTPS", Port: "443", StatusCode: "HTTP_301" },
    });

    expect(ask(model, "/page?x=1", { host: "farm.example:80" })).toEqual({
      kind: "redirect",
      status: 301,
      location: "https://farm.example/page?x=1",
    });
  });

  test("of a kind that is not here are refused by name", async () => {
    const model = openModel();
    const ListenerArn = await listen(model, await createBalancer(model), fixed("default"));
    const create = (condition: RuleCondition, action: Action) =>
      model.client.send(
        new CreateRuleCommand({ ListenerArn, Priority: 1, Conditions: [condition], Actions: [action] }),
      );
    const source = { Field: "source-ip", SourceIpConfig: { Values: ["10.0.0.0/8"] } };

    await expect(create(source, fixed("x"))).rejects.toThrow("does not support SourceIpConfig");
    await expect(create({ Field: "path-pattern", Values: ["/"] }, { Type: "authenticate-oidc" })).rejects.toThrow(
      "does not support actions of type 'authenticate-oidc'",
    );
  });
});

describe("a load balancer", () => {
  test("is known by address, name and full name", async () => {
    const model = openModel();
    const arn = await createBalancer(model);

    const answer = await model.client.send(new DescribeLoadBalancersCommand({ Names: ["web"] }));

    expect(arn).toMatch(/^arn:aws:elasticloadbalancing:eu-west-1:000000000000:loadbalancer\/app\/web\/[0-9a-f]{16}$/);
    expect(answer.LoadBalancers).toMatchObject([
      { LoadBalancerArn: arn, DNSName: "127.20.0.4", State: { Code: "active" }, Type: "application" },
    ]);
    await expect(model.client.send(new DescribeLoadBalancersCommand({ Names: ["other"] }))).rejects.toMatchObject({
      name: "LoadBalancerNotFoundException",
    });
  });

  test("is created once: again is the same, with other settings an error", async () => {
    const model = openModel();
    const arn = await createBalancer(model);
    expect(await createBalancer(model)).toBe(arn);

    const other = model.client.send(new CreateLoadBalancerCommand({ Name: "web", Subnets: ["subnet-a", "subnet-c"] }));

    await expect(other).rejects.toMatchObject({ name: "DuplicateLoadBalancerNameException" });
  });

  test("takes subnets, security groups, attributes and tags, and shows them", async () => {
    const model = openModel();
    const LoadBalancerArn = await createBalancer(model);
    await model.client.send(new SetSubnetsCommand({ LoadBalancerArn, Subnets: ["subnet-b", "subnet-c"] }));
    await model.client.send(new SetSecurityGroupsCommand({ LoadBalancerArn, SecurityGroups: ["sg-1"] }));
    await model.client.send(
      new ModifyLoadBalancerAttributesCommand({
        LoadBalancerArn,
        Attributes: [{ Key: "idle_timeout.timeout_seconds", Value: "90" }],
      }),
    );
    const ResourceArns = [LoadBalancerArn];
    await model.client.send(
      new AddTagsCommand({
        ResourceArns,
        Tags: [
          { Key: "a", Value: "1" },
          { Key: "b", Value: "2" },
        ],
      }),
    );
    await model.client.send(new RemoveTagsCommand({ ResourceArns, TagKeys: ["a"] }));

    const shown = await model.client.send(new DescribeLoadBalancersCommand({ LoadBalancerArns: ResourceArns }));
    const held = await model.client.send(new DescribeLoadBalancerAttributesCommand({ LoadBalancerArn }));
    const tags = await model.client.send(new DescribeTagsCommand({ ResourceArns }));

    expect(shown.LoadBalancers?.[0]?.AvailabilityZones?.map((zone) => zone.SubnetId)).toEqual(["subnet-b", "subnet-c"]);
    expect(shown.LoadBalancers?.[0]?.SecurityGroups).toEqual(["sg-1"]);
    expect(held.Attributes).toContainEqual({ Key: "idle_timeout.timeout_seconds", Value: "90" });
    expect(tags.TagDescriptions?.[0]?.Tags).toEqual([{ Key: "b", Value: "2" }]);
    await listen(model, LoadBalancerArn, fixed("x"));
    expect(model.fronts.get("127.20.0.4:80")?.idleTimeoutMs()).toBe(90_000);
  });

  test.each([
    ["idle_timeout.timeout_seconds", "0", "must be between 1 and 4000"],
    ["access_logs.s3.enabled", "true", "does not support access_logs.s3.enabled"],
    ["no.such.attribute", "1", "Attribute key 'no.such.attribute' is not recognized"],
  ])("refuses %s = %s", async (Key, Value, message) => {
    const model = openModel();
    const LoadBalancerArn = await createBalancer(model);

    const answer = model.client.send(
      new ModifyLoadBalancerAttributesCommand({ LoadBalancerArn, Attributes: [{ Key, Value }] }),
    );

    await expect(answer).rejects.toThrow(message);
  });

  test("under deletion protection stays; without it, it goes with its listeners", async () => {
    const model = await farmOf(["i-1"]);
    const protect = (Value: string) =>
      model.client.send(
        new ModifyLoadBalancerAttributesCommand({
          LoadBalancerArn: model.balancerArn,
          Attributes: [{ Key: "deletion_protection.enabled", Value }],
        }),
      );
    const remove = () => model.client.send(new DeleteLoadBalancerCommand({ LoadBalancerArn: model.balancerArn }));
    await protect("true");
    await expect(remove()).rejects.toMatchObject({ name: "OperationNotPermittedException" });

    await protect("false");
    await remove();

    expect(model.fronts.size).toBe(0);
    expect(model.elb.health(model.groupArn, "i-1")).toBe("unused");
    await model.client.send(new DeleteTargetGroupCommand({ TargetGroupArn: model.groupArn }));
  });
});

describe("a listener", () => {
  test("whose address is taken is an error that names it, and leaves nothing behind", async () => {
    const model = openModel();
    const LoadBalancerArn = await createBalancer(model);
    model.busyPorts.add(80);

    await expect(listen(model, LoadBalancerArn, fixed("x"))).rejects.toThrow(
      "Cannot listen on 127.20.0.4:80: listen EADDRINUSE",
    );

    const listeners = await model.client.send(new DescribeListenersCommand({ LoadBalancerArn }));
    expect(listeners.Listeners).toEqual([]);
  });

  test("has its port to itself, and can be moved to another", async () => {
    const model = openModel();
    const arn = await createBalancer(model);
    const ListenerArn = await listen(model, arn, fixed("x"));
    await expect(listen(model, arn, fixed("y"))).rejects.toMatchObject({ name: "DuplicateListenerException" });

    await model.client.send(new ModifyListenerCommand({ ListenerArn, Port: 8080 }));

    expect([...model.fronts.keys()]).toEqual(["127.20.0.4:8080"]);
  });

  test("of HTTPS is refused by name", async () => {
    const model = openModel();
    const LoadBalancerArn = await createBalancer(model);

    const answer = model.client.send(
      new CreateListenerCommand({ LoadBalancerArn, Protocol: "HTTPS", Port: 443, DefaultActions: [fixed("x")] }),
    );

    await expect(answer).rejects.toThrow("HTTP listeners only, not HTTPS");
  });
});

describe("a target group", () => {
  test("is shown with its checks and the balancers that use it", async () => {
    const model = await farmOf([]);
    await model.client.send(
      new ModifyTargetGroupCommand({
        TargetGroupArn: model.groupArn,
        HealthCheckPath: "/other",
        HealthyThresholdCount: 2,
      }),
    );

    const answer = await model.client.send(new DescribeTargetGroupsCommand({ LoadBalancerArn: model.balancerArn }));

    expect(answer.TargetGroups).toMatchObject([
      {
        TargetGroupName: "web",
        Port: 8080,
        HealthCheckPath: "/other",
        HealthCheckIntervalSeconds: 5,
        HealthyThresholdCount: 2,
        Matcher: { HttpCode: "200" },
        LoadBalancerArns: [model.balancerArn],
      },
    ]);
  });

  test("in use is not deleted", async () => {
    const model = await farmOf([]);

    const answer = model.client.send(new DeleteTargetGroupCommand({ TargetGroupArn: model.groupArn }));

    await expect(answer).rejects.toMatchObject({ name: "ResourceInUseException" });
  });

  test.each([
    [{ HealthCheckIntervalSeconds: 4 }, "Health check interval must be between 5 and 300, not 4"],
    [{ HealthCheckTimeoutSeconds: 5 }, "must be smaller than the interval"],
    [{ UnhealthyThresholdCount: 1 }, "Unhealthy threshold count must be between 2 and 10"],
    [{ Matcher: { HttpCode: "ok" } }, "matcher HTTP code 'ok' is not valid"],
    [{ Protocol: "TCP" as const }, "target groups of HTTP"],
    [{ TargetType: "lambda" as const }, "no targets of type 'lambda'"],
  ])("with %j is refused", async (changes, message) => {
    await expect(createGroup(openModel(), changes)).rejects.toThrow(message);
  });

  test("takes no stickiness that the balancer would not keep", async () => {
    const model = openModel();
    const arn = await createGroup(model);

    await expect(attributes(model, arn, { "stickiness.enabled": "true" })).rejects.toThrow(
      "does not support stickiness.enabled",
    );
  });
});
