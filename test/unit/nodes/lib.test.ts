import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import { inMachine, machineRoot, nodeFiles } from "./bash.ts";

describe("templates", () => {
  test("get the values of variables, and nothing in them is ever run", () => {
    const root = machineRoot();
    const template = join(root, "template");
    writeFileSync(template, "listen ${TANDEM_BIND}:80; $uri $(touch hacked) ${TANDEM_BIND} ${OTHER}\n");

    const ended = inMachine(`render ${template} ${root}/out`, root, { TANDEM_BIND: "$(touch hacked) `id` & \\1 ${X}" });

    expect(ended).toMatchObject({ code: 0, stderr: "" });
    const value = "$(touch hacked) `id` & \\1 ${X}";
    expect(readFileSync(join(root, "out"), "utf8")).toBe(
      `listen ${value}:80; $uri $(touch hacked) ${value} \${OTHER}\n`,
    );
    expect(existsSync("hacked")).toBe(false);
  });

  test("that want a variable which is not set fail with its name and leave no file", () => {
    const root = machineRoot();
    writeFileSync(join(root, "template"), "a ${TANDEM_NOWHERE}\n");

    const ended = inMachine(`render ${root}/template ${root}/out`, root);

    expect(ended.code).toBe(10);
    expect(ended.stderr).toContain("TANDEM_NOWHERE");
    expect(existsSync(join(root, "out"))).toBe(false);
  });
});

describe("a boot that fails", () => {
  test("leaves its reason for `launch`, with the code of the side at fault", () => {
    const root = machineRoot();

    inMachine(`boot_started; fail "$SHARED_FAULT" "no secrets"`, root);

    expect(readFileSync(join(root, "var/lib/tandem/boot-failed"), "utf8")).toBe("20 no secrets\n");
    expect(existsSync(join(root, "var/lib/tandem/booted"))).toBe(false);
  });

  test("without words of its own counts as the node's fault", () => {
    const root = machineRoot();

    inMachine("boot_started; false", root);

    expect(readFileSync(join(root, "var/lib/tandem/boot-failed"), "utf8")).toBe("10 the boot script ended with 1\n");
  });
});

describe("a program that a machine lacks", () => {
  test("is named, in the sandbox, where nothing is installed", () => {
    const ended = inMachine("ensure_packages bash no-such-program -- some-package", machineRoot());

    expect(ended).toMatchObject({ code: 10, stderr: "not on this machine: no-such-program\n" });
  });
});

test("a boot is over only when the present one is: what an earlier boot has noted counts no more without power", () => {
  const root = machineRoot();
  const isOver = (): string =>
    inMachine(`source "${nodeFiles}/steps.sh"; if boot_over; then echo over; else echo no; fi`, root).stdout.trim();
  inMachine("boot_started", root);
  expect(isOver()).toBe("over");

  rmSync(join(root, "run"), { recursive: true });
  expect(isOver()).toBe("no");

  inMachine("boot_started", root);
  expect(isOver()).toBe("over");
});

describe("tandem-node", () => {
  const run = (root: string, ...args: string[]) =>
    spawnSync(join(nodeFiles, "tandem-node"), args, { encoding: "utf8", env: { ...process.env, TANDEM_ROOT: root } });

  test("explains itself and refuses what it does not know", () => {
    const root = machineRoot();

    expect(run(root, "help")).toMatchObject({ status: 0, stdout: expect.stringContaining("exit codes") });
    expect(run(root)).toMatchObject({ status: 30 });
    expect(run(root, "reboot")).toMatchObject({ status: 30, stderr: expect.stringContaining("reboot is not known") });
    expect(run(root, "launch", "now")).toMatchObject({ status: 30 });
    expect(run(root, "launch")).toMatchObject({ status: 30, stderr: expect.stringContaining("node.env is missing") });
  });

  test("drains only for a number of seconds that makes sense", () => {
    const root = machineRoot();
    mkdirSync(join(root, "etc/tandem"), { recursive: true });
    mkdirSync(join(root, "run/tandem"), { recursive: true });
    writeFileSync(join(root, "etc/tandem/node.env"), "export TANDEM_CLASS=web TANDEM_NODE=web TANDEM_STAGE=local\n");
    writeFileSync(join(root, "run/tandem/identity"), "i-1 127.120.99.1\n");

    for (const seconds of ["", "-1", "5s", "99999", "3601"]) {
      expect(run(root, "drain", seconds)).toMatchObject({ status: 30, stderr: expect.stringContaining("are allowed") });
    }
    expect(run(root, "drain", "0060")).toMatchObject({
      status: 0,
      stdout: expect.stringContaining("nginx does not run"),
    });
  });
});
