import { isAll } from "../extent.ts";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { once } from "node:events";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspect } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { SetDesiredCapacityCommand } from "@aws-sdk/client-auto-scaling";
import { SendCommandCommand } from "@aws-sdk/client-ssm";
import { farmPaths, projectRoot } from "../../local/farm/paths.ts";
import {
  calls,
  eventually,
  farmJson,
  farmProcesses,
  inService,
  journal,
  machineProcesses,
  serverless,
  startFarm,
  status,
  stopFarm,
  tandem,
} from "./farm.ts";
import { databaseServerTests } from "./database-servers.ts";
import { alarmToService, everyHookPassedThroughLambda, operator } from "./launches.ts";
import { pairServerTests } from "./pair-servers.ts";
import { callsWithoutNeed, unusedInFarm } from "./rights.ts";
import { farmSecrets, secretsBelow, secretsTold, watchProcesses } from "./secrets.ts";

const READY_SECONDS_MAX = 45;
/** Enough for a node to join and serve; `npm run test:all` does what a user is told to. */
/** The clock lets one node go a minute, from as many as the load had called. */
const SHRUNK_SECONDS_MAX = 330;
const LOAD = isAll ? { factor: "1.5", for: "90s" } : { factor: "1.2", for: "40s" };

let startSeconds = 0;
let startLines: string[] = [];
let processes: ReturnType<typeof watchProcesses> | undefined;

beforeAll(async () => {
  await stopFarm();
  const started = await startFarm("--web", "2", "--fresh");
  startSeconds = started.seconds;
  startLines = started.stdout.trimEnd().split("\n");
  processes = watchProcesses(await farmSecrets());
}, 180_000);

afterAll(async () => {
  processes?.stop();
  await stopFarm();
}, 60_000);

describe("a farm that was started with two web nodes", () => {
  test("ends its progress with the address of the site", () => {
    expect(startLines.at(-1)).toBe(`ready ${farmJson().site}`);
  });

  test("is ready in less than 45 s once set up", () => {
    console.log(`ready after ${startSeconds.toFixed(1)} s`);
    expect(startSeconds).toBeLessThan(READY_SECONDS_MAX);
  });

  test("answers with WordPress's own home page from two different nodes", async () => {
    const pages = await Promise.all(Array.from({ length: 20 }, () => fetch(farmJson().site)));
    const bodies = await Promise.all(pages.map((page) => page.text()));
    expect(pages.map((page) => page.status)).toEqual(pages.map(() => 200));
    expect(new Set(pages.map((page) => page.headers.get("x-tandem-node"))).size).toBe(2);
    for (const body of bodies) expect(body).toMatch(/<meta name="generator" content="WordPress [\d.]+"/);
  });

  test("serves a static file through the edge, the second time from its cache", async () => {
    const file = `${farmJson().edge}/wp-includes/css/dashicons.min.css?ver=7`;
    const first = await fetch(file);
    const body = await first.text();
    const second = await fetch(file);
    expect([first.status, second.status]).toEqual([200, 200]);
    expect(second.headers.get("x-cache")).toBe("Hit from cloudfront");
    expect(await second.text()).toBe(body);
    const { edge } = await status();
    expect(edge.distribution).toMatchObject({ state: "Deployed", domainName: new URL(file).hostname });
    expect(edge.records.map(({ name }) => name)).toContain("db-a.local.tandem.internal");
  });

  test("has one writer, and a peer that holds every acknowledged write", async () => {
    const { database } = await status();
    expect(database).toMatchObject({ writer: "db-a", peerEligible: true, problems: [] });
  });
});

describe("load", () => {
  const held: (number | string)[] = [];
  const watch = new AbortController();
  let holder = Promise.resolve();
  let since = "";

  test("makes nodes join and loses no request", async () => {
    since = new Date().toISOString();
    // A page of 3 s is open again and again, so that one is open whenever a node leaves. Each on a connection of its own:
    // an idle one that the balancer closes in the moment in which it is used again is no page that was cut.
    const page = `${farmJson().site}/?tandem-wait=3000`;
    holder = (async () => {
      while (!watch.signal.aborted) held.push(await statusOf(page));
    })();
    const load = await tandem("fault", "load", "--factor", LOAD.factor, "--for", LOAD.for, "--json");
    const report = JSON.parse(load.stdout);
    expect(report).toMatchObject({ non2xx: 0, failed: 0, declaredWaitMs: 250 });
    expect(Object.keys(report.byNode).length).toBeGreaterThan(2);
    await alarmToService(since);
  }, 180_000);

  // Here, because the farm needs its time until it believes that the load is over.
  test("deploys again and says that nothing changed", async () => {
    const ran = await serverless("deploy");
    expect(ran.stdout + ran.stderr).toMatch(/No changes to deploy/);
  }, 60_000);

  test("is read by invoke and its log by logs", async () => {
    const invoked = await serverless("invoke", "-f", "maintain", "-d", '{"action":"status"}');
    expect(JSON.parse(invoked.stdout)).toMatchObject({ farm: "tandem-local" });
    const logs = await serverless("logs", "-f", "maintain", "--startTime", "5m");
    expect(logs.stdout).toMatch(/END Duration/);
  }, 60_000);

  test("that has ended lets the farm go back to two nodes without losing a request", async () => {
    const back = await eventually(
      "two nodes",
      SHRUNK_SECONDS_MAX,
      status,
      (seen) => seen.web.desired === 2 && seen.web.nodes.length === 2,
    );
    watch.abort();
    await holder;
    expect(inService(back)).toHaveLength(2);
    expect(held.filter((code) => code !== 200)).toEqual([]);
    await everyHookPassedThroughLambda(since);
  }, 400_000);
});

const statusOf = (page: string): Promise<number | string> =>
  fetch(page, { headers: { connection: "close" } }).then(
    (answer) => answer.status,
    (error: unknown) => `${new Date().toISOString()} ${inspect(error)}`,
  );

describe("a web node that is lost", () => {
  test("is replaced without an operator, and the lost requests are counted", async () => {
    const [victim] = inService(await status());
    const killed = await tandem("fault", "kill", victim ?? "", "--json");
    const report = JSON.parse(killed.stdout);
    console.log(`lost ${report.lost} of ${report.sent} requests`);
    const healed = await eventually(
      "a replacement",
      60,
      status,
      (seen) => inService(seen).length === 2 && !inService(seen).includes(victim ?? ""),
    );
    expect(healed.web.desired).toBe(2);
    expect(report.lost).toBeLessThan(report.sent / 4);
  }, 120_000);
});

describe("a node whose first page does not render", () => {
  (isAll ? test : test.skip)(
    "is abandoned and replaced",
    async () => {
      const since = new Date().toISOString();
      const before = (await status()).web.nodes.map((node) => node.id);
      const { scaling, commands } = operator();
      // The freeze holds the controller back until the node's disk is spoiled.
      expect((await tandem("freeze", "--for", "5m")).code).toBe(0);
      await scaling.send(
        new SetDesiredCapacityCommand({ AutoScalingGroupName: "tandem-local-web", DesiredCapacity: 3 }),
      );
      const waiting = await eventually("a node that waits", 30, status, (seen) =>
        seen.web.nodes.some((node) => !before.includes(node.id) && node.state === "Pending:Wait"),
      );
      const spoiled = waiting.web.nodes.find((node) => !before.includes(node.id))?.id ?? "";
      const spoil =
        'until [ -e "$TANDEM_ROOT/var/lib/tandem/booted" ]; do sleep 0.1; done; ' +
        'echo "<?php http_response_code(500); exit;" > "$TANDEM_ROOT/var/www/tandem/wp-config.php"';
      await eventually(
        "the agent",
        20,
        () =>
          commands
            .send(
              new SendCommandCommand({
                InstanceIds: [spoiled],
                DocumentName: "AWS-RunShellScript",
                Parameters: { commands: [spoil] },
              }),
            )
            .then(
              () => true,
              () => false,
            ),
        (sent) => sent,
      );
      expect((await tandem("thaw")).code).toBe(0);
      await eventually(
        "the abandoned node to leave",
        90,
        status,
        (seen) => !seen.web.nodes.some((node) => node.id === spoiled),
      );
      expect(
        (await journal(since)).filter((line) => line.scope === `web/${spoiled}` && line.result.includes("ABANDON")),
      ).not.toEqual([]);
    },
    180_000,
  );
});

test("a freeze is told until a thaw ends it", async () => {
  expect((await tandem("freeze", "--for", "5m")).code).toBe(0);
  expect((await status())["frozen"]).toMatchObject([{ scope: "farm" }]);
  expect((await tandem("thaw")).code).toBe(0);
  expect((await status())["frozen"]).toBe(false);
}, 30_000);

describe("bad input", () => {
  test("a wrong parameter is named with what is allowed, and nothing changes", async () => {
    const before = await status();
    const refused = await tandem("drain", "i-nobody");
    expect(refused.code).toBe(1);
    expect(refused.stderr).toMatch(/instanceId/);
    expect((await tandem("scale", "many")).code).toBe(2);
    const beyond = await tandem("scale", "50");
    expect(beyond.code).toBe(1);
    expect(beyond.stderr).toContain("allowed is a whole number from 2 to 6");
    expect((await status()).web.desired).toBe(before.web.desired);
  }, 60_000);
});

/** Writes made with the controller's roles: what an event that means nothing must not lead to. */
const WRITES =
  /^(SetDesiredCapacity|CompleteLifecycleAction|TerminateInstance|SetInstanceHealth|SendCommand|DeregisterTargets)/;

test("events that are malformed, unknown, late or doubled change nothing", async () => {
  // The wish keeps the farm from scaling in meanwhile, which would be a write of its own.
  expect(await tandem("scale", "3", "--for", "2m")).toMatchObject({ code: 0 });
  const quiet = await eventually(
    "three nodes in service",
    60,
    status,
    (seen) => inService(seen).length === 3 && seen.web.nodes.length === 3,
  );
  const [node = ""] = inService(quiet);
  const folder = mkdtempSync(join(tmpdir(), "tandem-events-"));
  const late = JSON.parse(readFileSync(join(projectRoot, "events/launch-web.json"), "utf8"));
  Object.assign(late.detail, { AutoScalingGroupName: "tandem-local-web", EC2InstanceId: node });
  const events = [
    late,
    late,
    { ...late, detail: { ...late.detail, EC2InstanceId: 7 } },
    { ...late, "detail-type": "EC2 Instance-launch Lifecycle Acrobatics" },
    { ...late, detail: { ...late.detail, AutoScalingGroupName: "tandem-local-db-z" } },
  ];
  const since = new Date().toISOString();
  for (const [index, event] of events.entries()) {
    const file = join(folder, `${index}.json`);
    writeFileSync(file, JSON.stringify(event));
    expect(await tandem("fault", "event", file)).toMatchObject({ code: 0 });
  }
  writeFileSync(join(folder, "half.json"), '{"source":');
  expect(await tandem("fault", "event", join(folder, "half.json"))).toMatchObject({ code: 1 });
  await eventually(
    "four looks at the events",
    20,
    async () => serverless("logs", "-f", "on-lifecycle", "--startTime", since),
    (logs) => logs.stdout.split("END Duration").length > 4,
  );
  const made = calls().filter(
    (call) => call.at >= since && call.principal.includes("assumed-role/tandem-local-on-lifecycle"),
  );
  expect(made.filter((call) => WRITES.test(call.operation))).toEqual([]);
}, 150_000);

databaseServerTests();
pairServerTests("mysql");

describe("the secrets of the farm", () => {
  test("are in no log, no run file, not in the journal, the state table or the arguments of a process", async () => {
    const secrets = await farmSecrets();
    const { told, bytes } = await secretsTold(secrets);
    const { seen, samples } = processes?.stop() ?? { seen: ["nothing was watched"], samples: 0 };

    console.log(`${(bytes / 1e6).toFixed(1)} MB read, processes looked at ${samples} times`);
    expect(told).toEqual([]);
    expect(seen).toEqual([]);
    // The same search finds them where they belong.
    const { machines } = farmPaths(projectRoot);
    const [node = ""] = inService(await status());
    expect(secretsBelow(join(machines, node, "etc"), secrets).join()).toContain("tandem/local/database/app in ");
    expect(bytes).toBeGreaterThan(100_000);
    expect(samples).toBeGreaterThan(100);
  }, 60_000);
});

describe("the roles of the farm", () => {
  test("were never denied a call", () => {
    const denied = calls().filter(
      ({ principal, decision }) => principal.includes(":assumed-role/") && decision === "denied",
    );
    expect(denied).toEqual([]);
  });

  test("have used every right, but for those that are seldom needed", async () => {
    const { unused, without } = await unusedInFarm();
    console.log(`allowed and not used in this run:\n${unused}`);
    expect(without).toEqual([]);
  });

  test("do nothing that no test of their rights knows", () => {
    expect(callsWithoutNeed(calls())).toEqual([]);
  });
});

describe("the end of a farm", () => {
  test("a second start is refused with the next step", async () => {
    await expect(startFarm()).rejects.toThrow(/already runs here.*local:stop/s);
  }, 30_000);

  test("after SIGKILL nothing of it is left, and it starts again", async () => {
    process.kill(farmJson().pid, "SIGKILL");
    await eventually("an end of all its processes", 15, farmProcesses, (pids) => pids.length === 0);
    await startFarm("--web", "1");
    expect((await fetch(farmJson().site)).status).toBe(200);
  }, 120_000);

  test("remove takes the stack away with nodes in service", async () => {
    const ran = await serverless("remove");
    expect(ran.code).toBe(0);
    // A function that was at work when it was deleted may still end its invocation, as on AWS.
    expect(await machineProcesses()).toEqual([]);
  }, 120_000);

  test("stop leaves no process, also when nothing runs", async () => {
    expect((await stopFarm()).code).toBe(0);
    expect(await farmProcesses()).toEqual([]);
    expect((await stopFarm()).code).toBe(0);
  }, 60_000);

  test("a port in use is named with the next step", async () => {
    const taken = createServer().listen(0, "127.0.0.1");
    await once(taken, "listening");
    const address = taken.address();
    const port = typeof address === "object" ? address?.port : undefined;
    await expect(startFarm("--port", String(port))).rejects.toThrow(new RegExp(`port ${port} .*in use.*--port`));
    taken.close();
    expect(await farmProcesses()).toEqual([]);
  }, 30_000);
});
