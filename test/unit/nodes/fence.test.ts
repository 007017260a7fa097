import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join, resolve } from "node:path";
import { expect, test } from "@jest/globals";
import { inMachine, machineRoot, nodeFiles } from "./bash.ts";

const BIND = "127.161.9.1";

/** `tandem-node fence` on a database machine without a boot. `server`: the pid that its supervisor wrote down. */
function fence(configuration: string, server?: number) {
  const root = machineRoot();
  for (const folder of ["etc/tandem", "run/tandem", "var/lib/mysql"])
    mkdirSync(join(root, folder), { recursive: true });
  writeFileSync(join(root, "etc/tandem/my.cnf"), `[mysqld]\n${configuration}\n`);
  if (server !== undefined) writeFileSync(join(root, "run/tandem/mysqld.pid"), `${server}\n`);
  const script = `source "${nodeFiles}/database.sh"; source "${nodeFiles}/fence.sh"; fence`;
  const PATH = `${resolve(".tandem/opt/bin")}:${process.env["PATH"] ?? ""}`;
  return inMachine(script, root, { PATH, TANDEM_BIND: BIND, TANDEM_FLAVOUR: "mysql" });
}

test("a machine whose server is dead is fenced, in one line", () => {
  const ended = fence("super-read-only = ON");

  expect(ended).toMatchObject({ code: 0, stderr: "" });
  expect(ended.stdout).toMatch(/^fenced in \d+ ms: no server runs; one that starts is read-only\n$/);
});

test("a server that does not answer on its socket is killed, and the proof is that it is gone", async () => {
  const server = spawn("sleep", ["60"]);
  const ended = once(server, "exit");

  const fenced = fence("read_only = ON", server.pid);

  expect(fenced.code).toBe(0);
  expect(fenced.stdout).toMatch(new RegExp(`^fenced in \\d+ ms: server ${server.pid} did not .* killed and is gone`));
  expect(await ended).toEqual([null, "SIGKILL"]);
});

test("nothing is proven where a server would start open, or where one listens that nobody supervises", async () => {
  const open = fence("datadir = /nowhere");
  const listener = createServer().listen(3306, BIND);
  await once(listener, "listening");
  const strange = fence("super-read-only = ON");
  listener.close();

  expect(open).toMatchObject({ code: 10, stdout: "" });
  expect(open.stderr).toMatch(/^not proven: .*my.cnf does not say that a server starts read-only/);
  expect(strange).toMatchObject({ code: 10, stdout: "" });
  expect(strange.stderr).toMatch(/^not proven: a server listens on port 3306/);
});
