import { expect, test } from "@jest/globals";
import type { Switchover } from "../../../lib/database/action.ts";
import type { ServerSession } from "../../../lib/database/driver.ts";
import type { PairRecord } from "../../../lib/database/pair.ts";
import { switchover, type SwitchHands } from "../../../lib/database/switch.ts";
import { TandemError } from "../../../lib/errors.ts";
import type { RequestOutcome } from "../../../lib/reconcile/requests.ts";
import type { DatabaseNode } from "../../../lib/spec.ts";
import { manualClock } from "../manual-clock.ts";
import { closed, record, server } from "./facts.ts";

const ACTION: Switchover = {
  kind: "switchover",
  node: "db-b",
  writer: "db-a",
  requestId: "r-1",
  reason: "an operator wants it",
  precondition: "db-a is the writer",
  idempotencyKey: "switchover r-1",
};
const failed = new TandemError("server-failed", "db-b does not answer", { next: "nothing", retriable: true });

/** A pair whose statements are noted as `<node> <statement>` when they are answered; `answers` may hold one up or fail it. */
function pairOf(answers: Readonly<Record<string, () => Promise<void>>> = {}) {
  const said: string[] = [];
  const settled: RequestOutcome[] = [];
  let pair: PairRecord = record();
  const session = (node: DatabaseNode): ServerSession => {
    const says = async (statement: string): Promise<void> => {
      await answers[`${node} ${statement}`]?.();
      said.push(`${node} ${statement}`);
    };
    const nothing = (): Promise<never> => Promise.reject(new Error("a switchover does not need it"));
    return {
      state: () => Promise.resolve(server(node, closed)),
      reached: () => Promise.resolve(true),
      close: () => says("close"),
      open: () => says("open"),
      semiSync: (role, on) => says(`${role} ${on ? "on" : "off"}`),
      ...{ fence: nothing, prepareSchema: nothing, replicateFrom: nothing, drained: nothing },
      ...{ startReplication: nothing, stopReplication: nothing },
    };
  };
  const hands: SwitchHands = {
    deps: {
      clock: manualClock(),
      requests: {
        settle: (_id, outcome) => {
          settled.push(outcome);
          return Promise.resolve();
        },
      },
    },
    on: (node, use) => use(session(node)),
    pair: () => Promise.resolve(pair),
    write(change) {
      pair = { ...pair, ...change };
      said.push(`record ${pair.writer}`);
      return Promise.resolve(pair);
    },
  };
  return { hands, said, settled, writer: () => pair.writer };
}

test("the new writer opens once it is on record, while the old one still ends its own waiting", async () => {
  let end = (): void => undefined;
  const { hands, said, settled } = pairOf({ "db-a source off": () => new Promise((resolve) => (end = resolve)) });
  const running = switchover(hands, ACTION);
  await new Promise((resolve) => setImmediate(resolve));
  const soon = [...said];
  end();
  await running;

  expect(soon).toEqual(["db-a close", "db-b source on", "record db-b", "db-b open"]);
  expect(said.slice(soon.length)).toEqual(["db-a source off", "db-a replica on"]);
  expect(settled).toMatchObject([{ state: "done" }]);
});

test("a switchover that fails before the record leaves a writer that waits for its peer", async () => {
  const { hands, said, settled, writer } = pairOf({ "db-b source on": () => Promise.reject(failed) });
  await switchover(hands, ACTION);

  expect(said.slice(-2)).toEqual(["db-a source on", "db-a open"]);
  expect(writer()).toBe("db-a");
  expect(settled).toMatchObject([{ state: "refused" }]);
});

test.each(["db-b open", "db-a source off"])(
  "a switchover whose record is written and in which `%s` fails opens the old writer no more, and answers nothing wrong",
  async (statement) => {
    const { hands, said, settled, writer } = pairOf({ [statement]: () => Promise.reject(failed) });

    await expect(switchover(hands, ACTION)).rejects.toBe(failed);
    expect(said).not.toContain("db-a open");
    expect(writer()).toBe("db-b");
    expect(settled).toEqual([]);
  },
);
