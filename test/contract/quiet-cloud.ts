import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { wallCloudClock } from "../../local/cloud/clock.ts";
import { openCloud, type CloudParts } from "../../local/cloud/cloud.ts";
import { randomIds } from "../../local/cloud/ids.ts";

const refuse = (what: string) => (): never => {
  throw new Error(`this cloud has no ${what}`);
};

/** What a cloud has in which nothing but its own services runs: machines have power and no processes. */
export const quietParts = {
  account: "000000000000",
  region: "eu-west-1",
  compute: {
    boot: async ({ address }) => ({
      address,
      run: refuse("programs on its machines"),
      powerOff: async () => undefined,
      powerOn: async () => undefined,
      destroy: async () => undefined,
      onExit: () => undefined,
      consoleOutput: () => "",
    }),
    close: async () => undefined,
  },
  runtime: { start: refuse("functions") },
  proxy: { listen: refuse("balancers"), probe: refuse("balancers"), forget: () => undefined },
  cacheServers: { start: refuse("caches"), front: refuse("caches"), close: async () => undefined },
  shares: { create: refuse("shares"), serve: refuse("shares"), remove: refuse("shares") },
} satisfies Partial<CloudParts>;

/** A whole embedded cloud behind a free port of loopback, for a client that is a program of its own. */
export async function openQuietCloud() {
  const folder = mkdtempSync(join(tmpdir(), "tandem-cloud-"));
  const notes: string[] = [];
  let url = "";
  const cloud = openCloud({
    ...quietParts,
    clock: wallCloudClock,
    ids: randomIds,
    functionsFolder: folder,
    endpointUrl: () => url,
    record: () => undefined,
    note: (message) => void notes.push(message),
  });
  cloud.iam.addUser("operator", "TEST", "test");
  const listener = await cloud.endpoint.listen("127.0.0.1", 0);
  url = `http://127.0.0.1:${listener.port}`;
  return {
    url,
    notes,
    async close() {
      await listener.close();
      await cloud.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
