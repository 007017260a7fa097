import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { CloudClock } from "../../cloud/clock.ts";
import type { Ids } from "../../cloud/ids.ts";
import type { Compute, Machine, MachineSpec } from "../../cloud/services/ec2/compute.ts";
import type { Relays } from "../relay.ts";
import { openMetadata } from "./metadata.ts";
import { openSandbox } from "./sandbox.ts";

export interface SandboxOptions {
  readonly clock: CloudClock;
  readonly ids: Ids;
  readonly relays: Relays;
  /** Parent of the machines' root folders. Keep it short: sockets below it have paths of at most 107 bytes. */
  readonly folder: string;
  /** Consoles, one `<instance-id>.log` each; they outlive their machines. */
  readonly logFolder: string;
  /** Registry of live machines, for `sweepLeftovers`. */
  readonly runFolder: string;
  /** Folder with nginx, mysqld and the other programs of a node; first in a machine's PATH. */
  readonly programs: string;
  /** The PATH behind it. */
  readonly path: string;
  /** TANDEM_IMAGE: what an image would have baked in. */
  readonly image: string;
  /** TANDEM_SHARES: folder of the shares that are served; absent where the world has none. */
  readonly shares?: string;
  /** AWS_ENDPOINT_URL on the machines. */
  endpointUrl(): string;
}

/**
 * The private mirror of a loopback address: 127.20.1.4 -> 127.120.1.4. Servers of a machine bind the mirror, and
 * relays listen on the address, so that a link can be cut and a dead machine's address refuses at once.
 */
export function mirrorOf(address: string): string {
  const [first, second, ...rest] = address.split(".").map(Number);
  if (first !== 127 || second === undefined || second > 99 || rest.length !== 2) {
    throw new Error(`address ${address}: machines of the farm live in 127.0.0.0 to 127.99.255.255`);
  }
  return [first, second + 100, ...rest].join(".");
}

function environmentOf(
  options: SandboxOptions,
  spec: MachineSpec,
  root: string,
  metadataUrl: string,
): Record<string, string> {
  const bind = mirrorOf(spec.address);
  return {
    TANDEM_ROOT: root,
    TANDEM_ADDRESS: spec.address,
    TANDEM_BIND: bind,
    TANDEM_LOOPBACK: bind,
    TANDEM_IMAGE: options.image,
    ...(options.shares === undefined ? {} : { TANDEM_SHARES: options.shares }),
    AWS_EC2_METADATA_SERVICE_ENDPOINT: metadataUrl,
    AWS_ENDPOINT_URL: options.endpointUrl(),
    PATH: `${options.programs}:${options.path}`,
    HOME: join(root, "root"),
    TMPDIR: join(root, "tmp"),
    LANG: "C.UTF-8",
  };
}

/** Machines as process groups on this computer. */
export function openSandboxes(options: SandboxOptions): Compute {
  const { clock, ids } = options;
  const machines = new Set<Machine>();
  let closed = false;
  return {
    async boot(spec) {
      if (closed) throw new Error(`machine ${spec.instanceId}: the farm is closing`);
      const bind = mirrorOf(spec.address);
      const root = join(options.folder, spec.instanceId);
      mkdirSync(root, { recursive: true });
      mkdirSync(options.logFolder, { recursive: true });
      const metadata = await openMetadata(spec, { address: bind, clock, ids });
      const machine = openSandbox({
        spec,
        root,
        bind,
        consoleFile: join(options.logFolder, `${spec.instanceId}.log`),
        runFolder: options.runFolder,
        environment: environmentOf(options, spec, root, metadata.url),
        relays: options.relays,
        clock,
        async destroyed() {
          machines.delete(machine);
          await metadata.close();
        },
      });
      machines.add(machine);
      try {
        await machine.powerOn();
      } catch (error) {
        await machine.destroy();
        throw error;
      }
      return machine;
    },
    async close() {
      closed = true;
      await Promise.all([...machines].map((machine) => machine.destroy()));
    },
  };
}
