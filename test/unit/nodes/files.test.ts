import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import { inMachine, machineRoot, nodeFiles, type Ended } from "./bash.ts";

const ID = "fs-0a1b2c3d";

/** A share as the local farm serves it, and nodes that would mount it. */
function world() {
  const shares = mkdtempSync(join(tmpdir(), "tandem-share-"));
  mkdirSync(join(shares, ID));
  mkdirSync(join(shares, "served"));
  const served = join(shares, "served", ID);
  symlinkSync(join("..", ID), served);
  return {
    withdraw: () => rmSync(served),
    node(name: string, root = machineRoot()) {
      const point = join(root, "srv/tandem/share");
      const run = (script: string): Ended =>
        inMachine(`make_folders; source "${nodeFiles}/files.sh"; STEP_DETAIL=""; ${script}`, root, {
          TANDEM_INSTANCE_ID: name,
          TANDEM_SHARE: `${ID}.efs.eu-west-1.amazonaws.com:/`,
          TANDEM_SHARES: join(shares, "served"),
        });
      return {
        point,
        prove: (): Ended => run('prove_share; printf "%s" "$STEP_DETAIL"'),
        check: (): string => run('check_share; cat "$TANDEM_RUN/share"').stdout.trim(),
        leave: (): Ended => run("leave_share"),
      };
    },
  };
}

describe("the shared files of a node", () => {
  test("are proven by a sentinel that is written and read back, and other nodes' are seen", () => {
    const farm = world();
    const [one, two] = [farm.node("i-1"), farm.node("i-2")];

    expect(one.prove()).toMatchObject({ code: 0, stdout: expect.not.stringContaining("seen") });
    expect(two.prove()).toMatchObject({ code: 0, stdout: expect.stringContaining("sentinel of i-1 seen") });

    writeFileSync(join(one.point, "uploads/photo.txt"), "from one");
    expect(readFileSync(join(two.point, "uploads/photo.txt"), "utf8")).toBe("from one");
    expect(one.check()).toBe("1");
  });

  test("that no node can reach are not this node's fault", () => {
    const farm = world();
    farm.withdraw();

    const ended = farm.node("i-1").prove();

    expect(ended).toMatchObject({ code: 20, stderr: expect.stringContaining("does not answer") });
  });

  test("that only this node cannot mount are its own fault", () => {
    const farm = world();
    const node = farm.node("i-1");
    mkdirSync(node.point, { recursive: true });

    const ended = node.prove();

    expect(ended).toMatchObject({ code: 10, stderr: expect.stringContaining("is no mount point") });
    expect(farm.node("i-2").prove().code).toBe(0);
  });

  test("are reported as missing when the server goes away or the mount is gone", () => {
    const farm = world();
    const [one, two] = [farm.node("i-1"), farm.node("i-2")];
    one.prove();
    two.prove();

    rmSync(two.point);
    expect([one.check(), two.check()]).toEqual(["1", "0"]);
    farm.withdraw();

    expect(one.check()).toBe("0");
  });

  test("are left without a trace by a node that drains, and also when the server is away", () => {
    const farm = world();
    const [one, two] = [farm.node("i-1"), farm.node("i-2")];
    one.prove();
    two.prove();

    expect(one.leave()).toMatchObject({ code: 0 });

    expect(existsSync(one.point)).toBe(false);
    expect(existsSync(join(two.point, ".tandem/i-1"))).toBe(false);
    farm.withdraw();
    expect(two.leave()).toMatchObject({ code: 0 });
  });
});
