import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeEach, expect, jest, test } from "@jest/globals";
import { wallCloudClock } from "../../local/cloud/clock.ts";
import { randomIds } from "../../local/cloud/ids.ts";
import type { Compute, MachineSpec } from "../../local/cloud/services/ec2/compute.ts";
import { openSandboxes } from "../../local/farm/instance/compute.ts";
import { allProcesses, isMarked } from "../../local/farm/instance/processes.ts";
import { sweepLeftovers } from "../../local/farm/instance/registry.ts";
import { openRelays } from "../../local/farm/relay.ts";

jest.setTimeout(30_000);

const folder = mkdtempSync(join(tmpdir(), "tandem-machine-"));
const relays = openRelays();
let compute: Compute;
let machines = 0;

const open = (): Compute =>
  openSandboxes({
    clock: wallCloudClock,
    ids: randomIds,
    relays,
    folder: join(folder, "machines"),
    logFolder: join(folder, "log"),
    runFolder: join(folder, "run"),
    programs: join(folder, "bin"),
    path: process.env["PATH"] ?? "",
    image: "/nowhere",
    endpointUrl: () => "http://127.0.0.1:1",
  });

beforeEach(() => {
  compute = open();
});
afterEach(() => compute.close());
afterAll(async () => {
  await relays.close();
  rmSync(folder, { recursive: true, force: true });
});

function spec(userData = "", ports: number[] = []): MachineSpec {
  machines += 1;
  return {
    instanceId: `i-${randomIds.hex(17)}`,
    address: `127.62.7.${machines}`,
    userData,
    tags: { Name: "web" },
    ports,
    metadata: {
      account: "000000000000",
      region: "eu-west-1",
      availabilityZone: "eu-west-1a",
      instanceType: "t4g.small",
      imageId: "ami-1",
      architecture: "arm64",
      role: "web-node",
      credentials: () => ({
        accessKeyId: "ASIA1",
        secretAccessKey: "s",
        sessionToken: "t",
        expiration: Date.now() + 3_600_000,
      }),
      lifecycleState: () => "InService",
      tags: () => ({ Name: "web" }),
    },
  };
}

const SERVER = `#!/bin/bash
cat > "$TANDEM_ROOT/etc/server.mjs" <<'END'
import { createServer } from "node:http";
createServer((_, reply) => reply.end("from " + process.env.TANDEM_ADDRESS)).listen(8080, process.env.TANDEM_BIND);
END
echo booting; ${process.execPath} "$TANDEM_ROOT/etc/server.mjs" &
# a daemon that leaves session and group
(cd /; setsid sleep 600 </dev/null >/dev/null 2>&1 &)
`;

/** The page, asked for until it answers; the error after that. */
async function page(address: string, tries = 100): Promise<string> {
  for (let left = tries; ; left--) {
    try {
      return await (await fetch(`http://${address}:8080/`, { headers: { connection: "close" } })).text();
    } catch (error) {
      if (left <= 1) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

const processesOf = (instanceId: string): number[] =>
  allProcesses().flatMap(({ pid }) => (isMarked(pid, instanceId) ? [pid] : []));

test("a machine serves what its user data starts, and a power cut leaves nothing of it", async () => {
  const wish = spec(SERVER, [8080]);
  const machine = await compute.boot(wish);
  let exits = 0;
  machine.onExit(() => (exits += 1));

  const answer = await page(wish.address);
  const alive = processesOf(wish.instanceId).length;
  await machine.powerOff();

  expect(answer).toBe(`from ${wish.address}`);
  expect(alive).toBeGreaterThanOrEqual(3); // leader, server, daemon
  expect(machine.consoleOutput()).toContain("booting");
  expect(processesOf(wish.instanceId)).toEqual([]);
  await expect(page(wish.address, 1)).rejects.toThrow();
  expect(exits).toBe(0);
  await expect(machine.run({ script: "true", timeoutMs: 1000 })).rejects.toThrow("is off");
});

test("power-on runs the scripts of every boot, and user data no second time", async () => {
  const machine = await compute.boot(
    spec(`#!/bin/bash
d=$TANDEM_ROOT/var/lib/cloud/scripts/per-boot; mkdir -p "$d"
printf '#!/bin/sh\\necho again > "$TANDEM_ROOT/etc/again"\\n' > "$d/start"; chmod +x "$d/start"
echo once >> "$TANDEM_ROOT/etc/once"`),
  );
  await machine.run({ script: 'until [ -e "$TANDEM_ROOT/etc/once" ]; do sleep 0.05; done', timeoutMs: 5000 });

  await machine.powerOff();
  await machine.powerOn();
  const again = await machine.run({
    script: 'until [ -s "$TANDEM_ROOT/etc/again" ]; do sleep 0.05; done; cat "$TANDEM_ROOT/etc/once"',
    timeoutMs: 5000,
  });

  expect(again.stdout).toBe("once\n");
});

test("a command's outcome has exit code, both outputs and the first 24,000 characters", async () => {
  const machine = await compute.boot(spec());

  const failed = await machine.run({
    script: 'echo "$TANDEM_ADDRESS $X"; echo bad >&2; exit 10',
    timeoutMs: 5000,
    env: { X: "y" },
  });
  const long = await machine.run({ script: "#!/bin/bash\nprintf 'ä%.0s' {1..30000}", timeoutMs: 5000 });

  expect(failed).toEqual({ exitCode: 10, stdout: `${machine.address} y\n`, stderr: "bad\n", timedOut: false });
  expect(long.stdout).toBe("ä".repeat(24_000));
});

test("a command does not wait for a service that it has started", async () => {
  const machine = await compute.boot(spec());

  const outcome = await machine.run({ script: "sleep 300 & echo started", timeoutMs: 10_000 });
  const left = await machine.run({ script: "pgrep -g $(ps -o pgid= $$) -x sleep | wc -l", timeoutMs: 5000 });

  expect(outcome).toMatchObject({ exitCode: 0, stdout: "started\n" });
  expect(left.stdout.trim()).toBe("1");
});

test("a command that takes too long loses its own processes, and the machine goes on", async () => {
  const wish = spec();
  const machine = await compute.boot(wish);
  await machine.run({ script: "sleep 301 &", timeoutMs: 5000 });

  const outcome = await machine.run({ script: "echo begun; (sleep 302; echo never) & wait", timeoutMs: 300 });
  const left = await machine.run({
    script: 'ps -eo pgid,args | grep "^ *$(ps -o pgid= $$ | tr -d " ") sleep"',
    timeoutMs: 5000,
  });

  expect(outcome).toEqual({ exitCode: null, stdout: "begun\n", stderr: "", timedOut: true });
  expect(left.stdout).toContain("sleep 301");
  expect(left.stdout).not.toContain("sleep 302");
});

test("a cancelled command ends at once", async () => {
  const machine = await compute.boot(spec());
  const abort = new AbortController();

  const running = machine.run({ script: "sleep 300", timeoutMs: 60_000, signal: abort.signal });
  abort.abort();

  expect(await running).toMatchObject({ exitCode: null, timedOut: false });
});

test("a machine whose leader is killed reports it, and its command fails instead of hanging", async () => {
  const wish = spec(SERVER, [8080]);
  const machine = await compute.boot(wish);
  await page(wish.address);
  const reason = new Promise((resolve) => machine.onExit(resolve));
  const running = machine.run({ script: "sleep 300", timeoutMs: 60_000 });
  const failure = expect(running).rejects.toThrow("power");

  process.kill(machine.pid ?? 0, "SIGKILL");

  expect(await reason).toContain("SIGKILL");
  await failure;
  expect(processesOf(wish.instanceId)).toEqual([]);
  await expect(page(wish.address, 1)).rejects.toThrow();
});

test("the metadata endpoint is version 2 only", async () => {
  const wish = spec("#!/bin/sh\ntrue");
  const machine = await compute.boot(wish);
  const script = `#!/bin/bash
url=$AWS_EC2_METADATA_SERVICE_ENDPOINT/latest
curl -s -o /dev/null -w '%{http_code}\\n' "$url/meta-data/instance-id"
token=$(curl -s -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 60' "$url/api/token")
get() { curl -s -H "X-aws-ec2-metadata-token: $token" "$url/$1"; echo; }
get meta-data/instance-id; get meta-data/iam/security-credentials/; get meta-data/autoscaling/target-lifecycle-state
get meta-data/tags/instance/Name; get meta-data/placement/availability-zone
get meta-data/iam/security-credentials/web-node | grep -o ASIA1
curl -s -o /dev/null -w '%{http_code}\\n' -H "X-aws-ec2-metadata-token: $token" "$url/meta-data/spot/instance-action"
curl -s -o /dev/null -w '%{http_code}\\n' -X PUT "$url/api/token"`;

  const outcome = await machine.run({ script, timeoutMs: 10_000 });

  expect(outcome.stdout.split("\n").filter(Boolean)).toEqual([
    "401",
    wish.instanceId,
    "web-node",
    "InService",
    "web",
    "eu-west-1a",
    "ASIA1",
    "404",
    "400",
  ]);
});

test("ports follow the security groups while the machine runs", async () => {
  const wish = spec(SERVER, []);
  const machine = await compute.boot(wish);
  await expect(page(wish.address, 1)).rejects.toThrow();

  await machine.openPorts?.([8080]);
  const answer = await page(wish.address);
  await machine.openPorts?.([]);

  expect(answer).toContain(wish.address);
  await expect(page(wish.address, 1)).rejects.toThrow();
});

test("a machine of an address that is taken does not start, and leaves nothing", async () => {
  const wish = spec(SERVER, [8080]);
  await compute.boot(wish);

  await expect(compute.boot({ ...wish, instanceId: "i-second" })).rejects.toThrow("EADDRINUSE");

  expect(processesOf("i-second")).toEqual([]);
  expect(existsSync(join(folder, "machines", "i-second"))).toBe(false);
});

/** A farm of its own process, with one machine; killed as a whole computer's user would kill it. */
async function otherFarm(instanceId: string) {
  const program = join(folder, "farm.ts");
  const repository = join(import.meta.dirname, "../..");
  writeFileSync(
    program,
    `import { openSandboxes } from "${repository}/local/farm/instance/compute.ts";
import { openRelays } from "${repository}/local/farm/relay.ts";
import { wallCloudClock as clock } from "${repository}/local/cloud/clock.ts";
import { randomIds as ids } from "${repository}/local/cloud/ids.ts";
const folder = ${JSON.stringify(folder)};
const compute = openSandboxes({ clock, ids, relays: openRelays(), folder: folder + "/machines", logFolder: folder + "/log",
  runFolder: folder + "/run", programs: "/none", path: process.env.PATH, image: "/none", endpointUrl: () => "" });
const machine = await compute.boot({ instanceId: "${instanceId}", address: "127.62.8.1", tags: {}, ports: [8080],
  userData: ${JSON.stringify(SERVER)}, metadata: { tags: () => ({}), lifecycleState: () => undefined, credentials: () => undefined } });
console.log(machine.pid);
`,
  );
  const farm = spawn(process.execPath, [program], { stdio: ["ignore", "pipe", "inherit"] });
  const [line] = await once(farm.stdout, "data");
  return { farm, leader: Number(String(line)) };
}

test("SIGKILL of the farm takes its machines with it", async () => {
  const { farm } = await otherFarm("i-orphan1");
  await page("127.62.8.1");

  farm.kill("SIGKILL");
  await once(farm, "exit");
  for (let left = 100; left > 0 && processesOf("i-orphan1").length > 0; left--) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }

  expect(processesOf("i-orphan1")).toEqual([]);
  sweepLeftovers(join(folder, "run"));
});

test("the next start sweeps what farm and leader together left behind, and nothing else", async () => {
  const { farm, leader } = await otherFarm("i-orphan2");
  await page("127.62.8.1");
  const stranger = spawn("sleep", ["60"], { detached: true });
  writeFileSync(
    join(folder, "run", "i-stranger.json"),
    JSON.stringify({
      instanceId: "i-stranger",
      pid: stranger.pid,
      startTime: "1",
      computerBoot: "x",
      root: "/nowhere",
    }),
  );

  process.kill(leader, "SIGSTOP"); // it cannot see its farm go
  farm.kill("SIGKILL");
  await once(farm, "exit");
  const before = processesOf("i-orphan2").length;
  const swept = sweepLeftovers(join(folder, "run"));

  expect(before).toBeGreaterThan(0);
  expect(swept).toEqual(["i-orphan2"]);
  expect(processesOf("i-orphan2")).toEqual([]);
  expect(stranger.exitCode ?? stranger.signalCode).toBeNull();
  expect(readdirSync(join(folder, "run"))).toEqual([]);
  stranger.kill("SIGKILL");
});
