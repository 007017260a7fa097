import { expect, test } from "@jest/globals";
import { isFault, openLasting } from "../../../local/farm/faults/lasting.ts";
import { manualClock } from "../manual-clock.ts";

function open() {
  const clock = manualClock();
  const log: string[] = [];
  return { clock, log, lasting: openLasting(clock, (line) => void log.push(line)) };
}

test("a fault with a time ends by itself, and one without by heal, the last one first", async () => {
  const { clock, log, lasting } = open();
  lasting.add("a", "first", undefined, () => void log.push("undo a"));
  lasting.add("b", "second", 5, () => void log.push("undo b"));
  lasting.add("c", "third", undefined, () => void log.push("undo c"));

  await clock.advance(5000);
  const healed = await lasting.heal();

  expect(log).toEqual(["undo b", "undo c", "undo a"]);
  expect(healed).toEqual({ undone: ["third", "first"], failed: [] });
  expect(await lasting.heal()).toEqual({ undone: [], failed: [] });
});

test("what cannot be undone is told, stays, and is tried again", async () => {
  const { lasting } = open();
  let tries = 0;
  lasting.add("a", "stubborn", undefined, () => {
    tries += 1;
    if (tries === 1) throw new Error("not yet");
  });

  expect(await lasting.heal()).toEqual({ undone: [], failed: ["stubborn: not yet"] });
  expect(await lasting.heal()).toEqual({ undone: ["stubborn"], failed: [] });
});

test("the same fault again replaces the one before, with its time", async () => {
  const { clock, log, lasting } = open();
  lasting.add("a", "short", 1, () => void log.push("undo short"));
  lasting.add("a", "long", 10, () => void log.push("undo long"));

  await clock.advance(2000);
  expect([log, lasting.has("a")]).toEqual([[], true]);
  await clock.advance(8000);
  expect([log, lasting.has("a")]).toEqual([["undo long"], false]);
});

test("one fault is healed by its kind and its nodes, and the others stay", async () => {
  const { lasting } = open();
  for (const what of ["partition db-a -> db-b", "partition db-b -> db-a", "lag of 30 s db-b", "connections db-a"])
    lasting.add(what, what, undefined, () => undefined);

  expect(await lasting.heal(isFault(["partition", "db-b", "db-a"]))).toMatchObject({
    undone: ["partition db-b -> db-a"],
  });
  expect(await lasting.heal(isFault(["lag", "db-b"]))).toMatchObject({ undone: ["lag of 30 s db-b"] });
  expect(await lasting.heal(isFault(["connections", "db-b"]))).toMatchObject({ undone: [] });
  expect(await lasting.heal(isFault(["partition"]))).toMatchObject({ undone: ["partition db-a -> db-b"] });
});
