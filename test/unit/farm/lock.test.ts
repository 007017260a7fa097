import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { isAlive, lockHolder, takeLock } from "../../../local/farm/lock.ts";

const lockFile = (): string => join(mkdtempSync(join(tmpdir(), "tandem-lock-")), "farm.pid");

test("a lock that nobody holds is taken, and names its holder", () => {
  const file = lockFile();
  expect(takeLock(file)).toBeUndefined();
  expect(readFileSync(file, "utf8")).toMatch(new RegExp(`^${process.pid} \\d+\n$`));
});

test("a lock of a live process is refused with its pid", async () => {
  const file = lockFile();
  const other = spawn("sleep", ["30"]);
  writeFileSync(file, `${other.pid}\n`);
  expect(takeLock(file)).toBe(other.pid);
  other.kill("SIGKILL");
  await once(other, "exit");
});

test("a lock whose holder was killed is stale, also while nobody has asked for its exit code", async () => {
  const file = lockFile();
  // The shell becomes `sleep`, which never asks for the end of the child that the shell had started.
  const parent = spawn("sh", ["-c", "sleep 0.1 & echo $!; exec sleep 30"]);
  const [line] = await once(parent.stdout, "data");
  const zombie = Number(String(line));
  writeFileSync(file, `${zombie}\n`);
  while (isAlive(zombie)) await new Promise((resolve) => setTimeout(resolve, 20));
  expect(readFileSync(`/proc/${zombie}/stat`, "utf8")).toMatch(/\) Z /);
  expect(lockHolder(file)).toBeUndefined();
  parent.kill("SIGKILL");
});

test("a pid that another process has by now is stale", () => {
  const file = lockFile();
  writeFileSync(file, "1 99999999999\n");
  expect(lockHolder(file)).toBeUndefined();
});
