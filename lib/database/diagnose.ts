import type { Problem } from "../reconcile/plan.ts";
import {
  causeOf,
  channelTo,
  errantOf,
  hears,
  isDead,
  isOpen,
  isReceiving,
  pairOf,
  rolesOf,
  serverOf,
  type NodeFacts,
  type PairFacts,
} from "./facts.ts";
import { countOf, isEmpty, renderGtid } from "./gtid.ts";
import { LAG_SECONDS_MAX, lagSecondsOf } from "./lag.ts";
import { peerOf } from "./pair.ts";
import type { ProblemCode, ProblemRule } from "./problem.ts";
import type { Channel } from "./server.ts";
import { ERROR, errorClass, wordsOf } from "./thread-error.ts";

/**
 * The problem table. All problems are found at once; each rule reads only what is known, so that an unknown server is
 * never taken for a dead, an empty or a read-only one. docs/OPERATIONS.md has an entry per code.
 */
export const PROBLEMS: readonly ProblemRule[] = [
  {
    code: "pair-unreadable",
    page: true,
    priority: 5,
    find: ({ pair }) =>
      "unknown" in pair ? [{ detail: `what was decided of the pair is unknown: ${pair.unknown}` }] : [],
  },
  {
    code: "two-writers",
    page: true,
    priority: 10,
    explains: ["wrong-writer", "peer-not-eligible", "semi-sync-off"],
    find: (facts) =>
      nodesOf(facts).every(isOpen) ? [{ detail: "db-a and db-b accept writes in mode single-writer" }] : [],
  },
  {
    code: "wrong-writer",
    priority: 12,
    explains: ["no-writer"],
    find: (facts) => {
      const peer = rolesOf(facts)?.peer;
      return peer !== undefined && isOpen(peer)
        ? [{ node: peer.name, detail: `it accepts writes, and ${peerOf(peer.name)} is the recorded writer` }]
        : [];
    },
  },
  {
    code: "writer-dead",
    page: true,
    priority: 15,
    explains: ["writer-unreachable", "link-cut", "semi-sync-off", "replication-lag"],
    explainsHere: ["server-unreachable"],
    find: (facts) => {
      const roles = rolesOf(facts);
      if (roles === undefined || !isDead(roles.writer, roles.peer)) return [];
      return [{ node: roles.writer.name, detail: `the writer is dead: ${deathOf(roles.writer, roles.peer)}` }];
    },
  },
  {
    code: "writer-unreachable",
    priority: 18,
    explainsHere: ["server-unreachable", "server-unreadable"],
    find: (facts) => {
      const roles = rolesOf(facts);
      if (roles === undefined || serverOf(roles.writer) !== undefined) return [];
      const heard = hears(roles.peer, roles.writer);
      const words =
        heard === undefined
          ? "whether its peer hears it is unknown"
          : heard
            ? "its peer hears it"
            : "its peer does not hear it";
      return [{ node: roles.writer.name, detail: `${unreadWords(roles.writer)}; ${words}` }];
    },
  },
  {
    code: "no-writer",
    priority: 20,
    explains: ["semi-sync-off"],
    find: (facts) => {
      const roles = rolesOf(facts);
      if (roles === undefined || serverOf(roles.writer) === undefined || isOpen(roles.writer)) return [];
      return [{ node: roles.writer.name, detail: "the recorded writer is read-only" }];
    },
  },
  {
    code: "pair-not-provisioned",
    priority: 22,
    explains: ["replication-not-configured"],
    find: (facts) =>
      "absent" in facts.pair && holders(facts).length === 0 ? [{ detail: "no writer was ever chosen" }] : [],
  },
  {
    code: "pair-not-recorded",
    page: true,
    priority: 23,
    find: (facts) => {
      const names = holders(facts).map(({ name }) => name);
      return "absent" in facts.pair && names.length > 0
        ? [{ detail: `${names.join(" and ")} hold transactions, and which server is the writer is not recorded` }]
        : [];
    },
  },
  {
    code: "semi-sync-stalled",
    priority: 25,
    find: (facts) => {
      const writer = rolesOf(facts)?.writer;
      if (writer === undefined || facts.stalledMs === undefined) return [];
      return [{ node: writer.name, detail: "commits wait, and no replica acknowledges them" }];
    },
  },
  {
    code: "errant-transactions",
    priority: 28,
    find: (facts) => {
      const peer = rolesOf(facts)?.peer;
      const errant = errantOf(facts);
      if (peer === undefined || errant === undefined || isEmpty(errant)) return [];
      const detail = `${countOf(errant)} transactions did not come from the writer: ${renderGtid(errant)}`;
      return [{ node: peer.name, detail }];
    },
  },
  {
    code: "peer-dead",
    priority: 30,
    explains: ["link-cut", "semi-sync-off", "replication-lag"],
    explainsHere: ["server-unreachable"],
    find: (facts) => {
      const roles = rolesOf(facts);
      if (roles === undefined || !isDead(roles.peer, roles.writer)) return [];
      return [{ node: roles.peer.name, detail: `the peer is dead: ${deathOf(roles.peer, roles.writer)}` }];
    },
  },
  {
    code: "quarantined",
    page: true,
    priority: 33,
    explains: ["errant-transactions", "receiver-stopped", "applier-stopped", "semi-sync-off", "replication-lag"],
    find: (facts) => {
      const [pair, quarantined] = [pairOf(facts), pairOf(facts)?.quarantined];
      return quarantined === undefined || quarantined.node === pair?.writer
        ? []
        : [
            {
              node: quarantined.node,
              detail: `it holds ${quarantined.count} transactions that the writer does not have: ${quarantined.extra}`,
            },
          ];
    },
  },
  {
    code: "server-unreachable",
    priority: 34,
    find: (facts) => unread(facts, (cause) => cause === "refused" || cause === "silent"),
  },
  {
    code: "link-cut",
    priority: 35,
    explains: ["semi-sync-off"],
    explainsHere: ["replication-lag"],
    find: (facts) =>
      directions(facts).flatMap(({ receiver, source, channel }) =>
        serverOf(source) !== undefined &&
        (isTrying(channel) || isUnheard(facts, receiver, source)) &&
        errorClass(channel.ioError) === undefined
          ? [
              {
                node: receiver.name,
                detail: `it does not hear ${source.name}, and both answer${wordsOf(channel.ioError)}`,
              },
            ]
          : [],
      ),
  },
  ioProblem("receiver-denied", 36, (error) => error === "denied"),
  ioProblem("source-purged", 37, (error) => error === "purged"),
  {
    code: "receiver-stopped",
    priority: 38,
    find: (facts) =>
      directions(facts).flatMap(({ receiver, source, channel }) =>
        channel.io === "No" && errorClass(channel.ioError) === undefined
          ? [{ node: receiver.name, detail: `it does not receive from ${source.name}${wordsOf(channel.ioError)}` }]
          : [],
      ),
  },
  sqlProblem("duplicate-key", 40, (code) => code === ERROR.duplicateKey),
  sqlProblem("row-missing", 41, (code) => code === ERROR.rowMissing),
  sqlProblem("relay-log-corrupt", 42, (code) => ERROR.relayLogCorrupt.has(code)),
  sqlProblem(
    "applier-failed",
    43,
    (code) => code !== ERROR.duplicateKey && code !== ERROR.rowMissing && !ERROR.relayLogCorrupt.has(code),
  ),
  {
    code: "applier-stopped",
    priority: 44,
    find: (facts) =>
      directions(facts).flatMap(({ receiver, source, channel }) =>
        channel.sql === "No" && channel.sqlError === undefined
          ? [{ node: receiver.name, detail: `it does not apply what it receives from ${source.name}` }]
          : [],
      ),
  },
  {
    code: "server-unreadable",
    priority: 45,
    find: (facts) => [
      ...unread(facts, (cause) => cause !== "refused" && cause !== "silent"),
      ...nodesOf(facts).flatMap((node) =>
        serverOf(node)?.offline === true ? [{ node: node.name, detail: "it lets only administrators in" }] : [],
      ),
    ],
  },
  {
    code: "replication-not-configured",
    priority: 50,
    explains: ["semi-sync-off"],
    find: (facts) =>
      nodesOf(facts).flatMap((node) =>
        serverOf(node) !== undefined && channelTo(node, facts.nodes[peerOf(node.name)]) === undefined
          ? [{ node: node.name, detail: `it does not receive from ${peerOf(node.name)}` }]
          : [],
      ),
  },
  {
    code: "semi-sync-off",
    priority: 55,
    find: (facts) => {
      const roles = rolesOf(facts);
      const server = roles && serverOf(roles.writer);
      if (server === undefined || (server.semiSync.source && server.semiSync.clients > 0)) return [];
      const words = server.semiSync.source ? "no replica acknowledges" : "the writer does not wait for its peer";
      return [{ node: roles?.writer.name ?? "", detail: words }];
    },
  },
  {
    code: "replication-lag",
    priority: 58,
    find: (facts) => {
      const peer = rolesOf(facts)?.peer;
      const lag = lagSecondsOf(facts);
      return peer === undefined || lag === undefined || lag <= LAG_SECONDS_MAX
        ? []
        : [{ node: peer.name, detail: `it is more than ${LAG_SECONDS_MAX} s behind the writer` }];
    },
  },
  {
    code: "lag-unknown",
    priority: 59,
    find: (facts) => {
      const roles = rolesOf(facts);
      const isMeasured = roles !== undefined && isOpen(roles.writer) && pairOf(facts)?.prepared === true;
      return !isMeasured || serverOf(roles.peer) === undefined || lagSecondsOf(facts) !== undefined
        ? []
        : [{ node: roles.peer.name, detail: "how far it is behind is unknown: there is no fresh heartbeat row" }];
    },
  },
  {
    code: "peer-not-eligible",
    priority: 60,
    find: (facts) => {
      const peer = rolesOf(facts)?.peer;
      return peer === undefined || pairOf(facts)?.peerEligible === true
        ? []
        : [{ node: peer.name, detail: "it may lack acknowledged writes: it is not promoted without approval" }];
    },
  },
];

/** Everything that is wrong with the pair, most urgent first, without what follows from something more urgent. Pure. */
export function diagnose(facts: PairFacts): readonly (Problem & { readonly code: ProblemCode })[] {
  const found = PROBLEMS.toSorted((a, b) => a.priority - b.priority).map((rule) => ({
    rule,
    findings: rule.find(facts),
  }));
  const isExplained = (code: ProblemCode, { node }: Omit<Problem, "code">): boolean =>
    found.some(
      ({ rule, findings }) =>
        (findings.length > 0 && rule.explains?.includes(code) === true) ||
        (rule.explainsHere?.includes(code) === true && findings.some((other) => other.node === node)),
    );
  return found.flatMap(({ rule: { code, page }, findings }) =>
    findings
      .filter((finding) => !isExplained(code, finding))
      .map((finding) => ({ code, ...finding, ...(page && { page }) })),
  );
}

const nodesOf = ({ nodes }: PairFacts): readonly NodeFacts[] => [nodes["db-a"], nodes["db-b"]];

/** Servers that are known to hold transactions. */
const holders = (facts: PairFacts): readonly NodeFacts[] =>
  nodesOf(facts).filter((node) => (serverOf(node)?.gtid ?? "") !== "");

/** Both directions of replication that can be read. */
const directions = (facts: PairFacts) =>
  nodesOf(facts).flatMap((receiver) => {
    const source = facts.nodes[peerOf(receiver.name)];
    const channel = channelTo(receiver, source);
    return channel === undefined ? [] : [{ receiver, source, channel }];
  });

/**
 * Only of the recorded writer: it sends what is written or a heartbeat each second. What its peer sends back is mostly
 * skipped, because the writer has it already, and then no heartbeat comes either.
 */
const isUnheard = (facts: PairFacts, receiver: NodeFacts, source: NodeFacts): boolean =>
  pairOf(facts)?.writer === source.name && hears(receiver, source) === false;

const isTrying = (channel: Channel): boolean => !isReceiving(channel) && channel.io !== "No";

function ioProblem(
  code: ProblemCode,
  priority: number,
  isMeant: (error: ReturnType<typeof errorClass>) => boolean,
): ProblemRule {
  return {
    code,
    priority,
    find: (facts) =>
      directions(facts).flatMap(({ receiver, source, channel }) =>
        !isReceiving(channel) && isMeant(errorClass(channel.ioError))
          ? [{ node: receiver.name, detail: `it cannot receive from ${source.name}${wordsOf(channel.ioError)}` }]
          : [],
      ),
  };
}

function sqlProblem(code: ProblemCode, priority: number, isMeant: (error: number) => boolean): ProblemRule {
  return {
    code,
    priority,
    explainsHere: ["replication-lag"],
    find: (facts) =>
      directions(facts).flatMap(({ receiver, source, channel }) =>
        channel.sql !== "Yes" && channel.sqlError !== undefined && isMeant(channel.sqlError.code)
          ? [
              {
                node: receiver.name,
                detail: `it cannot apply what came from ${source.name}${wordsOf(channel.sqlError)}`,
              },
            ]
          : [],
      ),
  };
}

const deathOf = (node: NodeFacts, peer: NodeFacts): string => {
  if ("known" in node.machine && causeOf(node) !== undefined && node.machine.known.state !== "running")
    return `its machine is ${node.machine.known.state}`;
  const heard = serverOf(peer) === undefined ? `${peer.name} cannot be asked` : `${peer.name} does not hear it`;
  return `${causeOf(node) === "refused" ? "its host refuses connections" : "it does not answer"}, and ${heard}`;
};

const unreadWords = ({ server }: NodeFacts): string => ("unknown" in server ? server.unknown : "");

/** Before a writer was chosen, a server whose machine still launches is no problem. */
const unread = (facts: PairFacts, isMeant: (cause: string) => boolean): readonly Omit<Problem, "code">[] =>
  nodesOf(facts).flatMap(({ name, inService, server }) =>
    (inService || !("absent" in facts.pair)) && "unknown" in server && isMeant(server.cause)
      ? [{ node: name, detail: server.unknown }]
      : [],
  );
