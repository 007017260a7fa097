import { assertNever } from "../assert.ts";
import { TandemError } from "../errors.ts";
import type { DatabaseNode } from "../spec.ts";
import type { MarkPeer, OpenWriter, Promote, Quarantine, Replicate, ServerAction, SetSemiSync } from "./action.ts";
import { databaseAws, pointRecords } from "./aws.ts";
import type { ServerSession } from "./driver.ts";
import { fenceMachine } from "./fence.ts";
import { committedBy, contains, countOf, parseGtid, readGtid, renderGtid } from "./gtid.ts";
import { ownOf, secret, unexpected, type Hands } from "./hands.ts";
import { addressOf } from "./observe.ts";
import { peerOf, writePair, type PairRecord } from "./pair.ts";
import { databaseRecords } from "./records.ts";
import { isWritable, type ServerState } from "./server.ts";
import { switchover } from "./switch.ts";

/** A fence cuts sessions and reads back; a server that needs longer is fenced on its machine. */
const FENCE_MS_MAX = 3_000;
/** What a peer may still have to apply before it is opened; it was not more than this behind when it was last heard. */
const DRAIN_MS_MAX = 20_000;
/** The lease is renewed between two waits of this length. */
const WAIT_MS = 1_000;
/** A peer that acknowledges has everything within milliseconds. */
const REACH_MS_MAX = 3_000;

/** Does one thing; resolves to one sentence for the journal. */
export async function applyServerAction(hands: Hands, action: ServerAction): Promise<string> {
  const { node } = action;
  await hands.claim(action.writer);
  switch (action.kind) {
    case "record-pair":
      return recordPair(hands, node);
    case "fence":
      if (action.way === "machine") return fenceMachine(hands, node, action.instanceId);
      await hands.on(node, (session) => session.fence(FENCE_MS_MAX));
      return `${node} accepts no writes`;
    case "promote":
      return promote(hands, action);
    case "open-writer":
      return openWriter(hands, action);
    case "switchover":
      return switchover(hands, action);
    case "prepare-writer":
      await hands.on(node, (session) => session.prepareSchema());
      await hands.write({ prepared: true });
      return `${node} has the databases and tables`;
    case "replicate":
      return replicate(hands, action);
    case "start-replication":
      await hands.on(node, (session) => session.startReplication(action.threads));
      return `${node} receives again`;
    case "semi-sync":
      return semiSync(hands, action);
    case "mark-peer":
      return markPeer(hands, action);
    case "quarantine":
      return quarantine(hands, action);
    case "end-quarantine":
      await endQuarantine(hands);
      return `${node} is out of quarantine`;
    case "accept-errant":
      return acceptErrant(hands, node, action.requestId);
    case "start-machine":
      await databaseAws(hands.deps).startMachine(action.instanceId);
      return `${action.instanceId} starts`;
    case "point-records":
      return follow(hands, node);
    default:
      return assertNever(action);
  }
}

async function recordPair(hands: Hands, writer: DatabaseNode): Promise<string> {
  const [a, b] = [await hands.on("db-a", (s) => s.state()), await hands.on("db-b", (s) => s.state())];
  const pair: PairRecord = {
    writer,
    since: hands.deps.clock.now(),
    peerEligible: false,
    identities: { "db-a": a.identity, "db-b": b.identity },
    baseline: { "db-a": ownOf(a), "db-b": ownOf(b) },
    failovers: [],
    prepared: false,
  };
  await writePair(hands.deps.table, pair, hands.tenure.fence);
  return `${writer} is the writer on record`;
}

/** The old writer is fenced by now. Order: no more from it, all of it applied, on record, open (DESIGN section 4). */
async function promote(hands: Hands, action: Promote): Promise<string> {
  const { node, how, lost, requestId } = action;
  const { clock, requests } = hands.deps;
  const before = await hands.pair();
  const from = before.writer;
  const gtid = await hands.on(node, async (session) => {
    await session.stopReplication("receiver");
    // An applier that is stopped applies nothing more; that this may lose something is what was approved.
    if (how === "failover" || isApplying(await session.state())) await drain(hands, session, node);
    const state = await session.state();
    if (isWritable(state)) throw unexpected(`${node} is open already`);
    const now = clock.now();
    await hands.write({
      writer: node,
      since: now,
      peerEligible: false,
      degradedAt: now,
      failovers: how === "failover" ? [...before.failovers, now] : before.failovers,
      baseline: { ...before.baseline, [from]: ownOf(state, before.identities[from]) },
      lastChange: { from, to: node, at: now, how, lost },
    });
    await session.semiSync("source", false);
    await session.open();
    return state.gtid;
  });
  const words = `${node} is the writer; acknowledged writes that may be lost: ${lost}; it holds ${gtid}`;
  if (requestId !== undefined) await requests.settle(requestId, { state: "done", answer: words });
  return words;
}

async function drain(hands: Hands, session: ServerSession, node: DatabaseNode): Promise<void> {
  const { clock } = hands.deps;
  for (const until = clock.now() + DRAIN_MS_MAX; !(await session.drained(WAIT_MS)); await hands.goOn()) {
    // It says so at once, each time it is asked: asking on would be a storm on the server and on the lease.
    if (!isApplying(await session.state()))
      throw new TandemError("drain-stopped", `the applier of ${node} ended before it had applied what it received`, {
        next: "nothing: the next look decides anew; tandem status shows what its applier says",
        retriable: true,
      });
    if (clock.now() >= until)
      throw new TandemError(
        "drain-timeout",
        `${node} has not applied what it received after ${DRAIN_MS_MAX / 1_000} s`,
        {
          next: "nothing: it is tried again; tandem status shows what its applier does",
          retriable: true,
        },
      );
  }
}

const isApplying = ({ channels }: ServerState): boolean => channels.some(({ sql }) => sql === "Yes");

async function openWriter(hands: Hands, { node, waits }: OpenWriter): Promise<string> {
  if (!waits) await hands.write({ peerEligible: false });
  await hands.on(node, async (session) => {
    await session.semiSync("source", waits);
    await session.open();
  });
  return `${node} accepts writes, ${waits ? "each acknowledged by its peer" : "without its peer"}`;
}

async function replicate(hands: Hands, { node }: Replicate): Promise<string> {
  const as = await secret(hands.deps, "replication");
  const source = peerOf(node);
  await hands.on(node, (session) => session.replicateFrom(addressOf(hands.deps.spec, source), as));
  return `${node} receives from ${source}`;
}

async function semiSync(hands: Hands, { node, role, on }: SetSemiSync): Promise<string> {
  await hands.on(node, (session) => session.semiSync(role, on));
  if (role === "replica") return `${node} ${on ? "acknowledges what it receives" : "acknowledges no more"}`;
  return `${node} ${on ? "waits for its peer" : "does not wait for its peer"}`;
}

/** That it holds everything is proven: by a set that was complete while every commit was already waiting for it. */
async function markPeer(hands: Hands, { node, eligible }: MarkPeer): Promise<string> {
  if (!eligible) {
    await hands.write({ peerEligible: false, degradedAt: hands.deps.clock.now() });
    return `${node} is not promoted without approval`;
  }
  const { writer } = await hands.pair();
  const waits = async (): Promise<ServerState> => {
    const state = await hands.on(writer, (session) => session.state());
    if (isWritable(state) && state.semiSync.source && state.semiSync.clients > 0) return state;
    throw unexpected(`${writer} does not wait for ${node} now`);
  };
  const { gtid, identity } = await waits();
  const peer = await hands.on(node, async (session) =>
    (await session.reached(gtid, REACH_MS_MAX)) ? session.state() : undefined,
  );
  if (peer === undefined)
    throw unexpected(`${node} does not reach what ${writer} holds within ${REACH_MS_MAX / 1_000} s`);
  await waits();
  const identities =
    writer === "db-a" ? { "db-a": identity, "db-b": peer.identity } : { "db-a": peer.identity, "db-b": identity };
  await hands.write({ peerEligible: true, provenAt: hands.deps.clock.now(), identities });
  return `${node} holds every acknowledged write: it may be promoted`;
}

async function quarantine(hands: Hands, { node, extra }: Quarantine): Promise<string> {
  const { writer } = await hands.pair();
  const at = hands.deps.clock.now();
  const count = countOf(readGtid(extra));
  await hands.write({
    peerEligible: false,
    degradedAt: at,
    quarantined: { node, extra, count, since: at },
  });
  await hands.on(writer, (session) => session.stopReplication("receiver"));
  await hands.on(node, (session) => session.stopReplication("both"));
  return `nothing is replicated from or to ${node}: it holds ${extra}`;
}

async function endQuarantine(hands: Hands): Promise<void> {
  const { quarantined: _, ...rest } = await hands.pair();
  await writePair(hands.deps.table, rest, hands.tenure.fence);
}

async function acceptErrant(hands: Hands, node: DatabaseNode, requestId: string): Promise<string> {
  const { baseline, writer } = await hands.pair();
  const [peer, other] = [await hands.on(node, (s) => s.state()), await hands.on(writer, (s) => s.state())];
  const own = committedBy(parseGtid(peer.flavour, peer.gtid), peer.identity);
  if (!contains(parseGtid(other.flavour, other.gtid), own))
    throw unexpected(`${writer} does not hold everything that ${node} committed`);
  await hands.write({ baseline: { ...baseline, [node]: renderGtid(own) } });
  const answer = `what ${node} committed itself is on both servers and counts as theirs: ${renderGtid(own)}`;
  await hands.deps.requests.settle(requestId, { state: "done", answer });
  return answer;
}

/** `writer.` and `reader.` of the private zone, for people and tools. */
async function follow({ deps, goOn, write }: Hands, writer: DatabaseNode): Promise<string> {
  const { privateZone } = deps.spec;
  if (privateZone === undefined) return "there is no private zone";
  await pointRecords(deps, privateZone, databaseRecords(deps.spec, writer));
  // Route 53 may have taken longer than the lease lives: then its next holder decides what the records say.
  await goOn();
  await write({ recordsFor: writer });
  return `the writer's record points at ${writer}, the reader's at ${peerOf(writer)}`;
}
