import { afterEach, describe, expect, test } from "@jest/globals";
import {
  Agent,
  createServer,
  request as send,
  type IncomingMessage,
  type RequestListener,
  type Server,
} from "node:http";
import { connect, createServer as createTcpServer, type AddressInfo } from "node:net";
import { wallCloudClock } from "../../local/cloud/clock.ts";
import { randomIds } from "../../local/cloud/ids.ts";
import { servicePrincipal, type World } from "../../local/cloud/service.ts";
import { openEndpoint } from "../../local/cloud/endpoint.ts";
import { openElbv2 } from "../../local/cloud/services/elbv2/index.ts";
import { httpProxy } from "../../local/farm/balancer/index.ts";

const HOST = "127.0.0.1";
const closing: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

interface Answer {
  readonly status: number;
  readonly body: string;
  readonly headers: IncomingMessage["headers"];
}

/** A target that answers with its name; `/slow?ms` takes its time. */
async function target(name: string, listener?: RequestListener): Promise<{ server: Server; port: number }> {
  const server = createServer(
    listener ??
      ((request, response) => {
        const pause = /^\/slow\?(\d+)$/.exec(request.url ?? "")?.[1] ?? "0";
        setTimeout(() => {
          response.setHeader("set-cookie", ["a=1", "b=2"]);
          response.end(`${name} ${JSON.stringify(request.headers)}`);
        }, Number(pause));
      }),
  );
  await new Promise<void>((resolve) => server.listen(0, HOST, resolve));
  closing.push(() => stop(server));
  return { server, port: portOf(server.address()) };
}

function portOf(address: AddressInfo | string | null): number {
  if (address === null || typeof address === "string") throw new Error("not a TCP server");
  return address.port;
}

/** A listener of the balancer needs its number beforehand. */
async function freePort(): Promise<number> {
  const server = createTcpServer();
  await new Promise<void>((resolve) => server.listen(0, HOST, resolve));
  const port = portOf(server.address());
  await new Promise<void>((resolve) => void server.close(() => resolve()));
  return port;
}

function stop(server: Server): Promise<void> {
  server.closeAllConnections();
  return new Promise((resolve) => void server.close(() => resolve()));
}

function get(
  port: number,
  path = "/",
  options: { agent?: Agent; method?: string; body?: string } = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const asked = send({ host: HOST, port, path, agent: options.agent ?? false, method: options.method ?? "GET" });
    asked.on("error", reject);
    asked.on("response", (response) => {
      let body = "";
      response.setEncoding("utf8").on("data", (text: string) => void (body += text));
      response.on("end", () => resolve({ status: response.statusCode ?? 0, body, headers: response.headers }));
      response.on("error", reject);
    });
    asked.end(options.body);
  });
}

const nameOf = (answer: Answer): string => answer.body.split(" ")[0] ?? "";
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Polls until `done`, for at most ten seconds. */
async function until(done: () => Promise<boolean> | boolean): Promise<void> {
  for (let tries = 0; tries < 200; tries++) {
    if (await done()) return;
    await pause(50);
  }
  throw new Error("did not happen within 10 s");
}

/** A member of the first row of an answer. */
function arn(answer: Record<string, unknown>, list: string, name: string): string {
  const rows: unknown = answer[list];
  const row: unknown = Array.isArray(rows) ? rows[0] : undefined;
  return typeof row === "object" && row !== null ? String(Object.entries(row).find(([key]) => key === name)?.[1]) : "";
}

/** A balancer on the wall clock over targets by port, with the shortest checks that AWS allows. */
async function balancer(ports: readonly number[], attributes: Record<string, string> = {}, idleSeconds = 60) {
  const world: World = {
    account: "000000000000",
    region: "eu-west-1",
    clock: wallCloudClock,
    ids: randomIds,
    note: () => {},
  };
  const records: { name: string; value: number }[] = [];
  const elb = openElbv2(world, {
    proxy: httpProxy(),
    addressOf: () => undefined,
    address: () => HOST,
    record: (_namespace, name, _dimensions, value) => void records.push({ name, value }),
  });
  closing.push(async () => elb.service.close?.());
  const { callService } = openEndpoint({
    world,
    services: new Map([["elasticloadbalancing", elb.service]]),
    principalOf: () => undefined,
    record: () => {},
  });
  const call = (operation: string, input: Record<string, unknown>) =>
    callService(servicePrincipal(world, "cloudformation"), "elasticloadbalancing", operation, input);
  const groupArn = arn(
    await call("CreateTargetGroup", {
      Name: "web",
      Protocol: "HTTP",
      Port: 8080,
      TargetType: "ip",
      HealthCheckIntervalSeconds: 5,
      HealthCheckTimeoutSeconds: 2,
      HealthyThresholdCount: 2,
      UnhealthyThresholdCount: 2,
    }),
    "TargetGroups",
    "TargetGroupArn",
  );
  const Attributes = Object.entries(attributes).map(([Key, Value]) => ({ Key, Value }));
  await call("ModifyTargetGroupAttributes", { TargetGroupArn: groupArn, Attributes });
  const balancerArn = arn(
    await call("CreateLoadBalancer", { Name: "web", Subnets: ["subnet-a", "subnet-b"] }),
    "LoadBalancers",
    "LoadBalancerArn",
  );
  await call("ModifyLoadBalancerAttributes", {
    LoadBalancerArn: balancerArn,
    Attributes: [{ Key: "idle_timeout.timeout_seconds", Value: String(idleSeconds) }],
  });
  const port = await freePort();
  const Targets = ports.map((each) => ({ Id: HOST, Port: each }));
  await call("RegisterTargets", { TargetGroupArn: groupArn, Targets });
  await call("CreateListener", {
    LoadBalancerArn: balancerArn,
    Protocol: "HTTP",
    Port: port,
    DefaultActions: [{ Type: "forward", TargetGroupArn: groupArn }],
  });
  const healthOf = async (targetPort: number): Promise<string> => {
    const answer = await call("DescribeTargetHealth", {
      TargetGroupArn: groupArn,
      Targets: [{ Id: HOST, Port: targetPort }],
    });
    return /"State":"([a-z]+)"/.exec(JSON.stringify(answer))?.[1] ?? "";
  };
  await until(async () =>
    (await Promise.all(ports.map(healthOf))).every((state) => state === "healthy" || state === "initial"),
  );
  await until(async () => ports.length === 0 || (await Promise.all(ports.map(healthOf))).includes("healthy"));
  return {
    port,
    records,
    healthOf,
    deregister: (targetPort: number) =>
      call("DeregisterTargets", { TargetGroupArn: groupArn, Targets: [{ Id: HOST, Port: targetPort }] }),
  };
}

describe("requests through the balancer", () => {
  test("take turns over the targets and carry where they come from", async () => {
    const [a, b] = [await target("a"), await target("b")];
    const web = await balancer([a.port, b.port]);
    await until(async () => (await web.healthOf(a.port)) === "healthy" && (await web.healthOf(b.port)) === "healthy");

    const answers = await Promise.all([1, 2, 3, 4].map(() => get(web.port, "/page?x=1")));

    expect(answers.map(nameOf).toSorted()).toEqual(["a", "a", "b", "b"]);
    const headers: unknown = JSON.parse(answers[0]?.body.slice(2) ?? "");
    expect(headers).toMatchObject({
      host: `${HOST}:${web.port}`,
      "x-forwarded-for": HOST,
      "x-forwarded-proto": "http",
      "x-forwarded-port": String(web.port),
      "x-amzn-trace-id": expect.stringMatching(/^Root=1-[0-9a-f]{8}-[0-9a-f]{24}$/),
    });
    expect(answers[0]?.headers["set-cookie"]).toEqual(["a=1", "b=2"]);
    expect(web.records.filter(({ name }) => name === "HTTPCode_Target_2XX_Count")).toHaveLength(8);
  });

  test("stream both ways and keep their length", async () => {
    const echo = await target("echo", (request, response) => void request.pipe(response));
    const web = await balancer([echo.port]);

    const answer = await get(web.port, "/", { method: "POST", body: "x".repeat(2_000_000) });

    expect(answer.status).toBe(200);
    expect(answer.body).toHaveLength(2_000_000);
  });

  test("in flight for three seconds complete across a deregistration, while new ones go elsewhere", async () => {
    const [a, b] = [await target("a"), await target("b")];
    const web = await balancer([a.port, b.port], { "deregistration_delay.timeout_seconds": "6" });
    await until(async () => (await web.healthOf(a.port)) === "healthy" && (await web.healthOf(b.port)) === "healthy");
    const held = await Promise.all([get(web.port, "/slow?0"), get(web.port, "/slow?0")]).then(() => [
      get(web.port, "/slow?3000"),
      get(web.port, "/slow?3000"),
    ]);
    await pause(200);

    await web.deregister(a.port);
    const meanwhile = await Promise.all([1, 2, 3, 4].map(() => get(web.port)));
    const answers = await Promise.all(held);

    expect(meanwhile.map(nameOf)).toEqual(["b", "b", "b", "b"]);
    expect(answers.map((answer) => answer.status)).toEqual([200, 200]);
    expect(answers.map(nameOf).toSorted()).toEqual(["a", "b"]);
    expect(await web.healthOf(a.port)).toBe("draining");
    await until(async () => (await web.healthOf(a.port)) === "unused");
  }, 15_000);

  test("are cut with 502 when they outlast the deregistration delay", async () => {
    const a = await target("a");
    const web = await balancer([a.port], { "deregistration_delay.timeout_seconds": "1" });
    const held = get(web.port, "/slow?5000");
    await pause(200);

    await web.deregister(a.port);

    expect((await held).status).toBe(502);
    expect((await get(web.port)).status).toBe(503);
  });

  test("of one client's connection do not stick to a target that was removed", async () => {
    const [a, b] = [await target("a"), await target("b")];
    const web = await balancer([a.port, b.port], { "deregistration_delay.timeout_seconds": "0" });
    await until(async () => (await web.healthOf(a.port)) === "healthy" && (await web.healthOf(b.port)) === "healthy");
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    closing.unshift(() => agent.destroy());
    await get(web.port, "/", { agent });
    await get(web.port, "/", { agent });

    await web.deregister(a.port);
    const names = [nameOf(await get(web.port, "/", { agent })), nameOf(await get(web.port, "/", { agent }))];

    expect(names).toEqual(["b", "b"]);
    const connections = await new Promise<number>((resolve) => a.server.getConnections((_, count) => resolve(count)));
    expect(connections).toBe(0);
  });

  test("to a dead target fail once with 502, are not tried again, and end when its checks fail", async () => {
    const [a, b] = [await target("a"), await target("b")];
    const web = await balancer([a.port, b.port]);
    await until(async () => (await web.healthOf(a.port)) === "healthy" && (await web.healthOf(b.port)) === "healthy");

    await stop(a.server);
    const statuses = (await Promise.all([get(web.port), get(web.port)])).map((answer) => answer.status);
    await until(async () => (await web.healthOf(a.port)) === "unhealthy");
    const later = await Promise.all([1, 2, 3, 4].map(() => get(web.port)));

    expect(statuses.toSorted((one, other) => one - other)).toEqual([200, 502]);
    expect(later.map(nameOf)).toEqual(["b", "b", "b", "b"]);
    expect(web.records.filter(({ name }) => name === "HTTPCode_ELB_5XX_Count")).toHaveLength(1);
  }, 25_000);

  test("to a target that says nothing end with 504 after the idle timeout", async () => {
    const silent = await target("silent", (request, response) => {
      if (request.url === "/") response.end();
    });
    const web = await balancer([silent.port], {}, 1);

    const answer = await get(web.port, "/never");

    expect(answer.status).toBe(504);
    expect(answer.headers.server).toBe("awselb/2.0");
  });

  test("to a target that answers no HTTP end with 502", async () => {
    const a = await target("a");
    const broken = createTcpServer((socket) => {
      socket.on("error", () => {});
      socket.once("data", () => socket.end("this is not HTTP\r\n\r\n"));
    });
    const web = await balancer([a.port]);
    await stop(a.server);
    await new Promise<void>((resolve) => broken.listen(a.port, HOST, resolve));
    closing.push(() => new Promise<void>((resolve) => void broken.close(() => resolve())));

    expect((await get(web.port)).status).toBe(502);
  });

  test("that are no HTTP get 400, and without any target 503", async () => {
    const web = await balancer([]);
    const reply = await new Promise<string>((resolve, reject) => {
      const socket = connect(web.port, HOST, () => void socket.write("nonsense\r\n\r\n"));
      socket.setEncoding("utf8").once("data", resolve);
      socket.on("error", reject);
      closing.unshift(() => void socket.destroy());
    });

    expect(reply).toContain("400 Bad Request");
    expect((await get(web.port)).status).toBe(503);
  });
});
