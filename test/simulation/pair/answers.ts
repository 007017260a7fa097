import type { DatabaseNode } from "../../../lib/spec.ts";
import { bothNodes, isLinked, isUp, peerOf, type PairState } from "./state.ts";

/** By the model's own truth, when each server had not answered the controller for so long that it could be taken for dead. */
export interface Answers {
  saw(before: PairState, after: PairState): void;
  /** Whether it was so now, or a short time ago: between a decision and its act lie calls that may be tried again. */
  wasDead(state: PairState, node: DatabaseNode): boolean;
}

/** A little less than lib/database/facts.ts asks for: its looks begin before and end after what is seen here. */
const REFUSED_MS = 400;
const SILENT_MS = 5_500;
/** An answer between two looks, which come each second at least, is not seen. */
const UNSEEN_MS = 1_200;
/** A fence on the machine, then StopInstances, each with its retries. */
const ACT_MS = 60_000;
/** From the last read before a fence to its command: what was dead before that is another story. */
const BEGUN_MS = 20_000;

type Answer = "answers" | "refuses" | "silent";

interface Sight {
  answer: Answer;
  /** Since when it does not answer, but for what no look sees. */
  since?: number | undefined;
  answersSince: number;
  deadAt: number;
}

export function openAnswers(): Answers {
  const sights = new Map<DatabaseNode, Sight>(
    bothNodes.map((node) => [node, { answer: "silent", answersSince: 0, deadAt: -Infinity }]),
  );

  /** Looks at how it has been until now, before anything changes. */
  const judge = (state: PairState, at: number, node: DatabaseNode, sight: Sight): void => {
    const { answer, since } = sight;
    if (since === undefined || answer === "answers") return;
    const lasted = at - since;
    if (!state.servers[node].hasPower) sight.deadAt = at;
    else if (answer === "refuses" && lasted >= REFUSED_MS) sight.deadAt = at;
    // A silent one is dead only if its peer does not hear it either.
    else if (lasted >= SILENT_MS && isUnheardByPeer(state, node)) sight.deadAt = at;
  };

  return {
    saw(before, after) {
      for (const [node, sight] of sights) {
        judge(before, after.at, node, sight);
        const answer = answerOf(after, node);
        if (answer === sight.answer) continue;
        if (answer === "answers") sight.answersSince = after.at;
        else if (sight.answer === "answers" && after.at - sight.answersSince > UNSEEN_MS) {
          sight.since = after.at;
          if (after.at - sight.deadAt > BEGUN_MS) sight.deadAt = -Infinity;
        }
        sight.since ??= after.at;
        sight.answer = answer;
      }
    },
    wasDead(state, node) {
      const sight = sights.get(node);
      if (sight === undefined) return false;
      judge(state, state.at, node, sight);
      return state.at - sight.deadAt <= ACT_MS;
    },
  };
}

/** What a new connection of the controller meets. That every connection is taken is an answer too. */
function answerOf(state: PairState, node: DatabaseNode): Answer {
  const { hasPower, process } = state.servers[node];
  if (!hasPower || process.is === "hung" || !isLinked(state, "controller", node)) return "silent";
  return isUp(state.servers[node]) ? "answers" : "refuses";
}

/** A receiver that does not run hears nothing and proves nothing. */
function isUnheardByPeer(state: PairState, node: DatabaseNode): boolean {
  const { channel } = state.servers[peerOf(node)];
  return channel?.io === "Connecting" || (channel?.io === "Yes" && channel.silentAt !== undefined);
}
