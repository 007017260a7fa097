import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { describe, expect, test } from "@jest/globals";

/** More than Linux gives out. */
const DEAD_PID = 99_999_999;

const folder = (): string => mkdtempSync(join(tmpdir(), "tandem-setup-"));

function evaluate(script: string, env: NodeJS.ProcessEnv = process.env): { code: number | null; out: string } {
  const ended = spawnSync(process.execPath, ["--input-type=module", "-e", script], { encoding: "utf8", env });
  return { code: ended.status, out: ended.stdout + ended.stderr };
}
const module = (name: string): string => JSON.stringify(`file://${resolve("local/setup", name)}`);

describe("two set-ups at once", () => {
  test("work one after the other", () => {
    const place = folder();
    const lock = JSON.stringify(join(place, "setup.lock"));

    const ended = evaluate(`
      import { withLock } from ${module("lock.mjs")};
      const order = [];
      const work = (name) => withLock(${lock}, async () => {
        order.push(name + " begins");
        await new Promise((resolve) => setImmediate(resolve));
        order.push(name + " ends");
      });
      await Promise.all([work("a"), work("b")]);
      console.log(order.join(", "));
    `);

    expect(ended.out).toContain("a begins, a ends, b begins, b ends");
    expect(readdirSync(place)).toEqual([]);
  });

  test("do not wait for one that was killed", () => {
    const place = folder();
    writeFileSync(join(place, "setup.lock"), `${DEAD_PID}\n`);

    const ended = evaluate(`
      import { withLock } from ${module("lock.mjs")};
      await withLock(${JSON.stringify(join(place, "setup.lock"))}, async () => console.log("worked"));
    `);

    expect(ended).toEqual({ code: 0, out: "worked\n" });
    expect(readdirSync(place)).toEqual([]);
  });
});

describe("a set-up that was interrupted", () => {
  test("is not taken for a finished one", () => {
    const opt = folder();
    const ready = `import { programsReady } from ${module("install.mjs")}; console.log(programsReady(${JSON.stringify(opt)}));`;

    expect(evaluate(ready).out).toBe("false\n");
    writeFileSync(join(opt, "stamp.json"), '{"recipe": "of another version", "machine": []}');
    expect(evaluate(ready).out).toBe("false\n");
    writeFileSync(join(opt, "stamp.json"), '{"reci');
    expect(evaluate(ready).out).toBe("false\n");
  });
});

describe("a machine without apt", () => {
  test("is told exactly what to install", () => {
    const place = folder();

    const ended = evaluate(
      `import { installPrograms } from ${module("install.mjs")};
       await installPrograms(${JSON.stringify(place)}).catch((error) => console.log(error.message));`,
      { PATH: place },
    );

    expect(ended.out).toContain("no apt");
    expect(existsSync(join(place, "opt", "stamp.json"))).toBe(false);
  });
});

describe("a machine whose package sources have no MariaDB", () => {
  /** What `offers` says when apt answers with these words. */
  function offered(words: string, code: number): string {
    const place = folder();
    writeFileSync(join(place, "apt-get"), `#!/bin/sh\necho "${words}" >&2\nexit ${code}\n`, { mode: 0o755 });
    const ask = `import { offers } from ${module("apt.mjs")};
      console.log(await offers({ folder: ${JSON.stringify(place)}, options: [] }, ["mariadb-server-core"]));`;
    return evaluate(ask, { ...process.env, PATH: `${place}:/usr/bin:/bin` }).out.trim();
  }

  test("is known from one whose sources cannot be read: only the first goes on without it", () => {
    expect(offered("E: Unable to locate package mariadb-server-core", 100)).toBe("false");
    expect(offered("E: Package 'mariadb-server-core' has no installation candidate", 100)).toBe("false");
    expect(offered("E: The package lists or status file could not be parsed", 100)).toBe("true");
    expect(offered("", 0)).toBe("true");
  });
});

describe("the set-up's files", () => {
  test("name no host: package sources come from the machine", () => {
    const files = readdirSync("local/setup").map((name) => readFileSync(join("local/setup", name), "utf8"));
    expect(files.filter((text) => /https?:\/\/|\b[\w-]+\.(org|com|net|io)\b/.test(text))).toEqual([]);
  });
});
