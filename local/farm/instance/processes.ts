import { readdirSync, readFileSync, readlinkSync } from "node:fs";

/** A process as /proc shows it. */
export interface Process {
  readonly pid: number;
  readonly parent: number;
  readonly group: number;
  readonly session: number;
  /** In clock ticks since the machine was booted: with the pid it names a process for good. */
  readonly startTime: string;
  readonly zombie: boolean;
}

/** Environment variable that every process of a machine has, whatever group it moved to. */
export const MARKER = "TANDEM_INSTANCE";

/** The process, or undefined when there is none. The name in parentheses may itself hold spaces and parentheses. */
export function processOf(pid: number): Process | undefined {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/stat`, "latin1");
  } catch {
    return undefined;
  }
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  const [state = "", parent = "", group = "", session = ""] = fields;
  return {
    pid,
    parent: Number(parent),
    group: Number(group),
    session: Number(session),
    startTime: fields[19] ?? "",
    zombie: state === "Z" || state === "X",
  };
}

/** Every live process; zombies hold nothing and are left out. */
export function allProcesses(): Process[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => processOf(Number(name)) ?? [])
    .filter((one) => !one.zombie);
}

/** True if the process was started with the machine's marker. Unreadable (another user's): false. */
export function isMarked(pid: number, instanceId: string): boolean {
  try {
    return `\0${readFileSync(`/proc/${pid}/environ`, "latin1")}\0`.includes(`\0${MARKER}=${instanceId}\0`);
  } catch {
    return false;
  }
}

/** True if the process works in the folder or has a file of it open. */
export function touches(pid: number, folder: string): boolean {
  const inside = (link: string): boolean => {
    try {
      const target = readlinkSync(link);
      return target === folder || target.startsWith(`${folder}/`);
    } catch {
      return false;
    }
  };
  try {
    return inside(`/proc/${pid}/cwd`) || readdirSync(`/proc/${pid}/fd`).some((fd) => inside(`/proc/${pid}/fd/${fd}`));
  } catch {
    return false;
  }
}

/** `127.120.1.4` as /proc/net/tcp writes it on a little-endian machine. */
export const hexAddress = (address: string): string =>
  address
    .split(".")
    .toReversed()
    .map((part) => Number(part).toString(16).padStart(2, "0"))
    .join("")
    .toUpperCase();

/** Processes that listen on an address, whatever they did to their environment (servers overwrite it with their title). */
export function listenersOn(address: string): number[] {
  const LISTEN = "0A";
  const sockets = new Set(
    readFileSync("/proc/net/tcp", "latin1")
      .split("\n")
      .map((line) => line.trim().split(/\s+/))
      .filter((fields) => fields[1]?.startsWith(`${hexAddress(address)}:`) === true && fields[3] === LISTEN)
      .map((fields) => `socket:[${fields[9] ?? ""}]`),
  );
  if (sockets.size === 0) return [];
  return allProcesses().flatMap(({ pid }) => {
    try {
      const holds = readdirSync(`/proc/${pid}/fd`).some((fd) => sockets.has(safeLink(`/proc/${pid}/fd/${fd}`)));
      return holds ? [pid] : [];
    } catch {
      return [];
    }
  });
}

function safeLink(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return "";
  }
}

/** Sends a signal; a process that is gone, or not ours, is no error. */
export function signal(pid: number, name: "SIGKILL" | "SIGSTOP"): void {
  try {
    process.kill(pid, name);
  } catch {
    // ESRCH: it ended meanwhile. EPERM: the pid is another user's, so it is not what we meant.
  }
}

/** Stops the whole tree first, so that nothing in it can fork while it is being killed. */
export function killTree(root: number): void {
  const doomed = new Set([root]);
  signal(root, "SIGSTOP");
  for (let grew = true; grew;) {
    grew = false;
    for (const one of allProcesses()) {
      if (doomed.has(one.pid) || !doomed.has(one.parent)) continue;
      doomed.add(one.pid);
      signal(one.pid, "SIGSTOP");
      grew = true;
    }
  }
  for (const pid of doomed) signal(pid, "SIGKILL");
}
