import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { allProcesses, hexAddress, MARKER, processOf } from "./instance/processes.ts";

/** The caller at the end of a link when it is no machine: a function of the controller, or anything else here. */
export const CONTROLLER = "controller";
export const OPERATOR = "operator";

interface Ends {
  /** Where the client's socket is bound; its address is 127.0.0.1. */
  readonly clientPort: number;
  readonly address: string;
  readonly port: number;
}

/** Processes that called lately are looked at first: functions and servers dial again and again. */
const REMEMBERED_MAX = 32;
/** A machine's processes are a few generations from its leader. */
const GENERATIONS_MAX = 16;

const end = (address: string, port: number): string =>
  `${hexAddress(address)}:${port.toString(16).padStart(4, "0").toUpperCase()}`;

/** The inode of the client's socket; undefined when it is closed already. */
function socketOf({ clientPort, address, port }: Ends): string | undefined {
  const ends = `${end("127.0.0.1", clientPort)} ${end(address, port)} `;
  const table = readFileSync("/proc/net/tcp", "latin1");
  const at = table.indexOf(ends);
  if (at < 0) return undefined;
  const inode = table.slice(at, table.indexOf("\n", at)).trim().split(/\s+/)[8];
  return inode === "0" ? undefined : inode;
}

function holds(pid: number, socket: string): boolean {
  const folder = `/proc/${pid}/fd`;
  try {
    return readdirSync(folder).some((fd) => linkOf(`${folder}/${fd}`) === socket);
  } catch {
    return false; // it ended, or is another user's
  }
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return ""; // closed meanwhile
  }
}

function environmentOf(pid: number): ReadonlyMap<string, string> {
  try {
    const pairs = readFileSync(`/proc/${pid}/environ`, "latin1").split("\0");
    return new Map(pairs.map((pair) => [pair.slice(0, pair.indexOf("=")), pair.slice(pair.indexOf("=") + 1)]));
  } catch {
    return new Map();
  }
}

/** A server may have overwritten its environment with its title: then its parents tell. */
function partyOf(owner: number): string {
  let pid = owner;
  for (let generation = 0; pid > 1 && generation < GENERATIONS_MAX; generation++) {
    const environment = environmentOf(pid);
    const address = environment.get("TANDEM_ADDRESS");
    if (environment.has(MARKER) && address !== undefined) return address;
    if (environment.has("AWS_LAMBDA_FUNCTION_NAME")) return CONTROLLER;
    pid = processOf(pid)?.parent ?? 0;
  }
  return OPERATOR;
}

/**
 * Tells who opened a connection from 127.0.0.1, which any process here may do: the machine's address if it belongs to a
 * machine, `controller` for a function, else `operator`. Reads /proc: some milliseconds for a process never seen before.
 */
export function openCallers() {
  let remembered: readonly number[] = [];
  return (ends: Ends): string => {
    const inode = socketOf(ends);
    if (inode === undefined) return OPERATOR;
    const socket = `socket:[${inode}]`;
    const known = remembered.find((pid) => holds(pid, socket));
    const owner = known ?? allProcesses().find(({ pid }) => !remembered.includes(pid) && holds(pid, socket))?.pid;
    if (owner === undefined) return OPERATOR;
    remembered = [owner, ...remembered.filter((pid) => pid !== owner)].slice(0, REMEMBERED_MAX);
    return partyOf(owner);
  };
}
