import { describe, expect, test } from "@jest/globals";
import { openEventBridge } from "../../../../local/cloud/bus/index.ts";
import { openFaults, type EventFault } from "../../../../local/cloud/faults/index.ts";
import { EventBridgeClient, PutRuleCommand, PutTargetsCommand } from "@aws-sdk/client-eventbridge";
import { sdkClient, testEndpoint, testWorld } from "../client.ts";

/** A bus with a rule for everything of `farm`; `arrived` are the numbers of the events, in the order of their arrival. */
async function open(fault: Pick<EventFault, "kind"> & Partial<EventFault>) {
  const world = testWorld();
  const faults = openFaults(world);
  const arrived: unknown[] = [];
  const bus = openEventBridge(
    world,
    {
      async invokeFunction(_arn, payload) {
        arrived.push(Object(payload).detail.number);
      },
      sendMessage: async () => undefined,
    },
    faults,
  );
  const client = sdkClient(EventBridgeClient, testEndpoint(world, bus.service).handle);
  await client.send(new PutRuleCommand({ Name: "all", EventPattern: '{"source":["farm"]}' }));
  const Arn = "arn:aws:lambda:eu-west-1:000000000000:function:any";
  await client.send(new PutTargetsCommand({ Rule: "all", Targets: [{ Id: "f", Arn }] }));
  const injected = faults.inject({ on: "events", rate: 1, forMs: 60_000, lateMs: 5_000, ...fault });
  const emit = async (...numbers: readonly number[]) => {
    for (const number of numbers) bus.emit({ source: "farm", detailType: "Any", detail: { number } });
    await world.clock.advance(0);
  };
  return { world, faults, injected, arrived, emit };
}

describe("an event on the bus", () => {
  test("is lost", async () => {
    const { world, arrived, emit, injected } = await open({ kind: "drop" });
    await emit(1, 2);
    await world.clock.advance(60_000);
    expect(arrived).toEqual([]);
    expect(injected.struck).toBe(2);
    await emit(3);
    expect(arrived).toEqual([3]);
  });

  test("comes twice, the second time later", async () => {
    const { world, arrived, emit } = await open({ kind: "duplicate" });
    await emit(1);
    expect(arrived).toEqual([1]);
    await world.clock.advance(5_000);
    expect(arrived).toEqual([1, 1]);
  });

  test("comes late", async () => {
    const { world, arrived, emit } = await open({ kind: "delay" });
    await emit(1);
    await world.clock.advance(4_999);
    expect(arrived).toEqual([]);
    await world.clock.advance(1);
    expect(arrived).toEqual([1]);
  });

  test("is overtaken by the next", async () => {
    const { arrived, emit } = await open({ kind: "reorder" });
    await emit(1, 2, 3, 4);
    expect(arrived).toEqual([2, 1, 4, 3]);
  });

  test("is not held for ever when no other follows", async () => {
    const { world, arrived, emit } = await open({ kind: "reorder" });
    await emit(1);
    await world.clock.advance(5_000);
    expect(arrived).toEqual([1]);
  });

  test("that is held back arrives when the faults are healed", async () => {
    const { world, faults, arrived, emit } = await open({ kind: "delay", lateMs: 50_000 });
    await emit(1);
    expect(faults.heal()).toBe(1);
    await world.clock.advance(0);
    expect(arrived).toEqual([1]);
    await world.clock.advance(60_000);
    expect(arrived).toEqual([1]);
  });
});
