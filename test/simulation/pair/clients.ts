import type { DatabaseNode } from "../../../lib/spec.ts";
import type { CloudClock, Timer } from "../../../local/cloud/clock.ts";
import type { Accounts, WriteLoad } from "../../scenarios/database/world.ts";
import type { Chance } from "../chance.ts";
import type { Databases } from "./databases.ts";
import type { Output } from "./event.ts";

export interface ClientParts {
  readonly clock: CloudClock;
  readonly chance: Chance;
  readonly databases: Databases;
  /** Before the ids of this load's writes. */
  readonly prefix: string;
  readonly perSecond: number;
}

/** HAProxy asks each server so often (infra/nodes/haproxy.cfg), and cuts the sessions of one that is down. */
const CHECK_MS = 250;
/** A visitor who waits longer is gone. */
const CLIENT_MS_MAX = 30_000;
/** After the last write was sent, so long the last answers are waited for. */
const LAST_MS_MAX = 2_000;

interface Pending {
  readonly node: DatabaseNode;
  readonly timer: Timer;
}

/** Writers behind HAProxy: each write is one row with an id of its own, by the way that is the writer's then. */
export function writeLoad({ clock, chance, databases, prefix, perSecond }: ClientParts): WriteLoad {
  const { pair } = databases;
  const pending = new Map<string, Pending>();
  const acknowledged: string[] = [];
  const counts = { sent: 0, refused: 0, unknown: 0 };
  let up = databases.writer();
  let sending: Timer | undefined;

  const end = (id: string, how: "refused" | "unknown"): void => {
    pending.get(id)?.timer.cancel();
    if (pending.delete(id)) counts[how] += 1;
  };
  const giveUp = (id: string, { node }: Pending): void => {
    end(id, "unknown");
    pair.act({ kind: "abandon", node, write: id });
  };
  const hear = (output: Output): void => {
    const { id } = output.write;
    if (!pending.has(id)) return;
    if (output.kind === "failed") return end(id, output.isCertain ? "refused" : "unknown");
    pending.get(id)?.timer.cancel();
    pending.delete(id);
    acknowledged.push(id);
  };
  const check = (): void => {
    checking = clock.after(CHECK_MS, check);
    const now = databases.writer();
    if (now !== up) for (const [id, one] of pending) if (one.node === up) giveUp(id, one);
    up = now;
  };
  const send = (): void => {
    const every = 1_000 / perSecond;
    sending = clock.after(chance.whole(Math.round(every / 2), Math.round((3 * every) / 2)), send);
    counts.sent += 1;
    const [id, node] = [`${prefix}-${counts.sent}`, up];
    if (node === undefined) {
      counts.refused += 1;
      return;
    }
    const timer = clock.after(CLIENT_MS_MAX, () => giveUp(id, { node, timer }));
    pending.set(id, { node, timer });
    pair.act({ kind: "write", node, write: { id, client: "app", content: { kind: "row", id } } });
  };

  const stopListening = pair.listen(hear);
  let checking = clock.after(CHECK_MS, check);
  send();
  const accounts = (): Accounts => ({ ...counts, acknowledged, waiting: pending.size });
  return {
    accounts,
    async stop() {
      sending?.cancel();
      await pair.until(() => pending.size === 0, LAST_MS_MAX);
      for (const [id, one] of pending) giveUp(id, one);
      checking.cancel();
      stopListening();
      return accounts();
    },
  };
}
