import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import { nodeFiles } from "./bash.ts";

/** Each script is read with everything that it sources: seconds on a busy machine. */
const SHELLCHECK_MS_MAX = 60_000;
const shellcheck = join(".tandem", "opt", "bin", "shellcheck");
const scripts = readdirSync(nodeFiles)
  .map((name) => join(nodeFiles, name))
  .filter((file) => statSync(file).isFile())
  .filter((file) => file.endsWith(".sh") || readFileSync(file, "utf8").startsWith("#!/usr/bin/env bash"));

describe("the scripts on the machines", () => {
  const checked = existsSync(shellcheck) ? test : test.skip;
  if (!existsSync(shellcheck)) console.log(`not checked: ${shellcheck} is missing; npm test sets it up`);

  checked(
    "give shellcheck nothing to say",
    () => {
      const ended = spawnSync(shellcheck, ["--external-sources", ...scripts], { encoding: "utf8" });
      expect(ended.stdout + ended.stderr).toBe("");
      expect(ended.status).toBe(0);
    },
    SHELLCHECK_MS_MAX,
  );

  test("can be run where they are meant to be run, and only read where they are sourced", () => {
    const wrong = scripts.filter((file) => {
      const runs = (statSync(file).mode & 0o111) !== 0;
      return runs !== readFileSync(file, "utf8").startsWith("#!");
    });
    expect(wrong).toEqual([]);
  });

  test("never put credentials into arguments that every user of the machine can read", () => {
    const lines = scripts.flatMap((file) => readFileSync(file, "utf8").split("\n"));
    expect(lines.filter((line) => /curl .*(--user|-u) /.test(line))).toEqual([]);
    expect(lines.filter((line) => /mysql .*--password=/.test(line))).toEqual([]);
  });
});
