import { isAll } from "../extent.ts";
import { existsSync, readFileSync, renameSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { CloudFormationClient, DescribeStacksCommand } from "@aws-sdk/client-cloudformation";
import { GetCommandInvocationCommand, SendCommandCommand, SSMClient } from "@aws-sdk/client-ssm";
import * as z from "zod";
import { farmPaths, projectRoot } from "../../local/farm/paths.ts";
import { ask } from "../machines/memcached.ts";
import { clientOptions, eventually, startFarm, stopFarm, tandem } from "./farm.ts";

/** A report every 10 s, and the check before it. */
const REPORTED_SECONDS_MAX = 40;
/** Half a minute for the cloud to replace a node, and its start. */
const REPLACED_SECONDS_MAX = 50;

const known = z.union([z.number(), z.boolean(), z.object({ unknown: z.string() })]);
const statusSchema = z.object({
  web: z.object({ nodes: z.array(z.looseObject({ id: z.string(), address: z.string(), mounted: known })) }),
  cache: z.object({
    nodes: z.array(
      z.object({
        id: z.string(),
        state: z.string(),
        address: z.string(),
        port: z.number(),
        pid: z.optional(z.number()),
        items: known,
        hitRatio: known,
      }),
    ),
  }),
  files: z.object({ server: z.string(), mounted: known, of: z.number() }),
});

async function status(): Promise<z.infer<typeof statusSchema>> {
  return statusSchema.parse(JSON.parse((await tandem("status", "--json")).stdout));
}

/** SDK clients of the operator, pointed at the farm. */
function operator() {
  const options = clientOptions();
  return { commands: new SSMClient(options), stacks: new CloudFormationClient(options) };
}

/** Just after SendCommand the invocation does not exist yet. */
function notYet(error: unknown): undefined {
  if (error instanceof Error && error.name === "InvocationDoesNotExist") return undefined;
  throw error;
}

/** Runs a script on a node by Run Command; resolves to what it printed. */
async function onNode(instanceId: string, script: string): Promise<string> {
  const { commands } = operator();
  const { Command } = await commands.send(
    new SendCommandCommand({
      DocumentName: "AWS-RunShellScript",
      InstanceIds: [instanceId],
      Parameters: { commands: [script] },
    }),
  );
  const run = await eventually(
    "the end of the script",
    15,
    () =>
      commands
        .send(new GetCommandInvocationCommand({ CommandId: Command?.CommandId, InstanceId: instanceId }))
        .catch(notYet),
    (seen) => seen?.Status === "Success" || seen?.Status === "Failed",
  );
  return run?.StandardOutputContent ?? "";
}

/** It holds a farm of its own for some minutes: `npm run test:all` has the time for that. */
const scenario = isAll ? describe : describe.skip;

beforeAll(async () => {
  await stopFarm();
  await startFarm("--web", "2", "--fresh");
}, 180_000);

afterAll(async () => {
  await stopFarm();
}, 60_000);

scenario("the shared files", () => {
  test("are mounted on every node when the farm is ready", async () => {
    const { files, web } = await status();

    expect(files).toEqual({ server: expect.stringMatching(/^fs-[0-9a-f]{17}\.efs\./), mounted: 2, of: 2 });
    expect(web.nodes.map((node) => node.mounted)).toEqual([true, true]);
    expect((await tandem("status")).stdout).toMatch(/^files: fs-.*, mounted on 2 of 2 nodes$/m);
  });

  test("show on one node what was uploaded on the other", async () => {
    const [one, two] = (await status()).web.nodes;

    await onNode(one?.id ?? "", `echo from ${one?.id} > "$TANDEM_ROOT/var/www/tandem/wp-content/uploads/note.txt"`);

    const page = await fetch(`http://${two?.address}:8080/wp-content/uploads/note.txt`);
    expect(page.headers.get("x-tandem-node")).toBe(two?.id);
    expect(await page.text()).toBe(`from ${one?.id}\n`);
  });

  test("are reported as missing on the node that lost its mount, and on all when the server is away", async () => {
    const seen = await status();
    const [one] = seen.web.nodes;
    await onNode(one?.id ?? "", 'rm "$TANDEM_ROOT/srv/tandem/share"');
    await eventually("the report", REPORTED_SECONDS_MAX, status, ({ files }) => files.mounted === 1);

    const served = join(farmPaths(projectRoot).share, "served", seen.files.server.split(".")[0] ?? "");
    renameSync(served, `${served}.away`);
    const away = await eventually("the report", REPORTED_SECONDS_MAX, status, ({ files }) => files.mounted === 0);
    const launched = await onNode(one?.id ?? "", '"$TANDEM_ROOT/opt/tandem/tandem-node" launch 2>&1; echo "exit $?"');
    renameSync(`${served}.away`, served);

    expect(away.web.nodes.map((node) => node.mounted)).toEqual([false, false]);
    expect(launched).toMatch(/does not answer\nexit 20\n$/);
    const again = await onNode(one?.id ?? "", '"$TANDEM_ROOT/opt/tandem/tandem-node" launch 2>&1; echo "exit $?"');
    expect(again).toMatch(/the shared files are mounted: .*sentinel of i-[0-9a-f]+ seen\n[^]*exit 0\n$/);
  }, 120_000);
});

scenario("the cache", () => {
  test("has two servers, whose statistics the status tells", async () => {
    const [one, two] = (await status()).cache.nodes;

    await ask(one?.address ?? "", "set greeting 0 60 5\r\nhello\r\nget greeting\r\nget nothing", /END\r\n[^]*END\r\n$/);

    const { cache } = await status();
    expect(cache.nodes).toEqual([
      { ...one, items: 1, hitRatio: 0.5 },
      { ...two, items: 0, hitRatio: { unknown: "nothing was asked for yet" } },
    ]);
    expect(readFileSync(`/proc/${one?.pid ?? 0}/comm`, "utf8")).toBe("memcached\n");
  });

  test("tells its servers on the endpoint that the stack names, and the nodes know them", async () => {
    const { cache, web } = await status();
    const servers = cache.nodes.map(({ address, port }) => `${address}:${port}`);
    const { Stacks } = await operator().stacks.send(new DescribeStacksCommand({ StackName: "tandem-local" }));
    const endpoint = Stacks?.[0]?.Outputs?.find((one) => one.OutputKey === "CacheEndpoint")?.OutputValue ?? "";

    const told = await ask(endpoint.split(":")[0] ?? "", "config get cluster", /END\r\n$/);

    expect(told).toContain(servers.map((one) => `${one.split(":")[0]}|${one.replace(":", "|")}`).join(" "));
    const node = await onNode(web.nodes[0]?.id ?? "", '"$TANDEM_ROOT/opt/tandem/tandem-node" status');
    expect(JSON.parse(node)).toMatchObject({ cache: { endpoint, servers }, files: { mounted: true } });
  });

  test("that loses a server says so, and gets another one, empty, at the same address", async () => {
    const before = (await status()).cache.nodes[0];
    process.kill(before?.pid ?? 0, "SIGKILL");

    const lost = await status();
    const replaced = await eventually(
      "the replacement",
      REPLACED_SECONDS_MAX,
      status,
      ({ cache }) => cache.nodes[0]?.items === 0,
    );

    expect(lost.cache.nodes.map(({ state }) => state)).toEqual(["rebooting", "available"]);
    expect(lost.cache.nodes[0]?.items).toEqual({ unknown: expect.stringContaining("ECONNREFUSED") });
    expect(replaced.cache.nodes[0]).toMatchObject({ address: before?.address, state: "available" });
    expect(existsSync(`/proc/${before?.pid ?? 0}`)).toBe(false);
  }, 120_000);
});
