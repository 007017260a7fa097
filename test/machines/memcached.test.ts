import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, afterEach, beforeEach, describe, expect, jest, test } from "@jest/globals";
import { wallCloudClock } from "../../local/cloud/clock.ts";
import { answerDiscovery } from "../../local/cloud/services/elasticache/discovery.ts";
import type { CacheServers, CacheServerSpec } from "../../local/cloud/services/elasticache/servers.ts";
import { allProcesses, isMarked } from "../../local/farm/instance/processes.ts";
import { sweepLeftovers } from "../../local/farm/instance/registry.ts";
import { openCacheServers } from "../../local/farm/memcached.ts";
import { ask } from "./memcached.ts";
import { farmPaths, projectRoot } from "../../local/farm/paths.ts";
import { readMemcached } from "../../lib/cache/memcached.ts";
import { openRelays } from "../../local/farm/relay.ts";
import { availableCluster } from "../unit/cloud/elasticache/cluster-model.ts";

jest.setTimeout(30_000);

const PORT = 11_211;
const folder = mkdtempSync(join(tmpdir(), "tandem-cache-"));
const relays = openRelays();
const options = {
  clock: wallCloudClock,
  relays,
  folder: join(folder, "machines"),
  logFolder: join(folder, "log"),
  runFolder: join(folder, "run"),
  programs: join(farmPaths(projectRoot).opt, "bin"),
  path: process.env["PATH"] ?? "",
};
let servers: CacheServers;
let started = 0;

beforeEach(() => {
  servers = openCacheServers(options);
});
afterEach(() => servers.close());
afterAll(async () => {
  await relays.close();
  rmSync(folder, { recursive: true, force: true });
});

function spec(own: Partial<CacheServerSpec> = {}): CacheServerSpec {
  started += 1;
  const name = `cache-test-${String(started).padStart(4, "0")}`;
  return { name, address: `127.62.8.${started}`, port: PORT, memoryMegabytes: 64, open: true, ...own };
}

/** What `tandem-node launch` keeps of the endpoint's answer. */
async function askedByNode(address: string): Promise<string> {
  const nodes = join(projectRoot, "infra/nodes");
  const script = `source "${nodes}/lib.sh"; make_folders; source "${nodes}/cache.sh"; ask_cache && cat "$CACHE_SERVERS"`;
  const env = { PATH: options.path, TANDEM_ROOT: join(folder, "node"), TANDEM_CACHE: `${address}:${PORT}` };
  return (await promisify(execFile)("bash", ["--norc", "-euc", script], { env })).stdout;
}

const pidOf = async (address: string): Promise<number> =>
  Number(/STAT pid (\d+)/.exec(await ask(address, "stats", /END\r\n$/))?.[1]);
const processesOf = (name: string): number[] => allProcesses().flatMap(({ pid }) => (isMarked(pid, name) ? [pid] : []));

describe("a cache node", () => {
  test("keeps what is set, at the address of its node", async () => {
    const wish = spec();
    await servers.start(wish);

    const stored = await ask(wish.address, "set greeting 0 60 5\r\nhello");

    expect(stored).toBe("STORED\r\n");
    expect(await ask(wish.address, "get greeting", /END\r\n$/)).toBe("VALUE greeting 0 5\r\nhello\r\nEND\r\n");
  });

  test("tells its statistics to the controller; one that is not there is unknown", async () => {
    const wish = spec();
    await servers.start(wish);
    const here = { host: wish.address, port: PORT };

    expect(await readMemcached(wallCloudClock, here)).toEqual({
      known: { pid: await pidOf(wish.address), items: 0, hits: 0, misses: 0 },
    });
    expect(await readMemcached(wallCloudClock, { ...here, port: PORT + 1 })).toEqual({
      unknown: expect.stringContaining("ECONNREFUSED"),
    });
  });

  test("that is silent is unknown after a second", async () => {
    const silent = createServer();
    await new Promise<void>((resolve) => silent.listen(PORT, "127.62.8.210", resolve));

    const fact = await readMemcached(wallCloudClock, { host: "127.62.8.210", port: PORT });
    silent.close();

    expect(fact).toEqual({ unknown: "127.62.8.210:11211: no answer within 1000 ms" });
  });

  test("cannot be reached while its security groups open no port, and can when they do", async () => {
    const wish = spec({ open: false });
    const server = await servers.start(wish);

    await expect(ask(wish.address, "version")).rejects.toThrow("ECONNREFUSED");
    await server.setOpen(true);

    expect(await ask(wish.address, "version")).toMatch(/^VERSION 1\.6/);
  });

  test("that is killed is told of once, leaves nothing, and its replacement starts empty", async () => {
    const wish = spec();
    const other = spec();
    const server = await servers.start(wish);
    await servers.start(other);
    await ask(wish.address, "set greeting 0 60 5\r\nhello");
    let losses = 0;
    const lost = new Promise<void>((resolve) =>
      server.onExit(() => {
        losses += 1;
        resolve();
      }),
    );

    process.kill(await pidOf(wish.address), "SIGKILL");
    await lost;

    expect(losses).toBe(1);
    expect(processesOf(wish.name)).toEqual([]);
    await expect(ask(wish.address, "version")).rejects.toThrow("ECONNREFUSED");
    expect(await ask(other.address, "version")).toMatch(/^VERSION/);
    await servers.start(wish);
    expect(await ask(wish.address, "get greeting", /END\r\n$/)).toBe("END\r\n");
  });

  test("that is stopped is not taken for lost", async () => {
    const wish = spec();
    const server = await servers.start(wish);
    let losses = 0;
    server.onExit(() => (losses += 1));

    await server.stop();

    expect(losses).toBe(0);
    expect(processesOf(wish.name)).toEqual([]);
  });

  test("of a farm that was killed is ended by the next start", async () => {
    const wish = spec();
    await servers.start(wish);

    expect(sweepLeftovers(join(folder, "run"))).toEqual([wish.name]);

    expect(processesOf(wish.name)).toEqual([]);
  });

  test("that does not start says so, and leaves nothing", async () => {
    const wish = spec();
    const without = openCacheServers({ ...options, programs: "/nowhere", path: "/nowhere" });

    await expect(without.start(wish)).rejects.toThrow(
      `${wish.name} at ${wish.address}:${PORT} does not start: memcached has ended; see its console`,
    );

    expect(processesOf(wish.name)).toEqual([]);
  });
});

describe("the configuration endpoint", () => {
  test("tells clients of auto discovery the nodes, line by line", async () => {
    const cluster = availableCluster(["127.62.8.201", "127.62.8.202"]);
    const address = "127.62.8.200";
    const front = await servers.front({
      address,
      port: PORT,
      open: true,
      answer: (line) => answerDiscovery(cluster, line),
    });

    const told = await ask(address, "version\r\nconfig get cluster", /END\r\n$/);

    expect(told).toBe(
      "VERSION 1.6.22\r\nCONFIG cluster 0 66\r\n1\n127.62.8.201|127.62.8.201|11211 127.62.8.202|127.62.8.202|11211\n\r\nEND\r\n",
    );
    expect(await ask(address, "get x")).toContain("SERVER_ERROR");
    expect(await askedByNode(address)).toBe("127.62.8.201:11211\n127.62.8.202:11211\n");
    await front.setOpen(false);
    await expect(ask(address, "version")).rejects.toThrow("ECONNREFUSED");
    await front.close();
  });
});
