import { chmodSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import { inMachine, machineRoot, nodeFiles, type Ended } from "./bash.ts";

/** A node whose PHP does what `php` says, with the script's path as its last argument. */
function node(php: string) {
  const bin = mkdtempSync(join(tmpdir(), "tandem-bin-"));
  writeFileSync(join(bin, "php"), `#!/usr/bin/env bash\nscript=\${!#}\n${php}\n`);
  chmodSync(join(bin, "php"), 0o755);
  const root = machineRoot();
  mkdirSync(join(root, "etc/tandem"), { recursive: true });
  const run = (script: string): Ended =>
    inMachine(`make_folders; source "${nodeFiles}/web.sh"; ${script}`, root, {
      PATH: `${bin}:${process.env["PATH"] ?? ""}`,
      TANDEM_SITE_URL: "http://site.example",
      TANDEM_LOOPBACK: "127.0.0.1",
      LOG: join(root, "log"),
    });
  return { run, log: () => readFileSync(join(root, "log"), "utf8").trim().split("\n") };
}

const NOTES = 'printf "%s\\n" "${script##*/}" >>"$LOG"';

describe("tandem-node cron", () => {
  test("runs WordPress's own cron once the writer answers, with what the site reads", () => {
    const { run, log } = node(`${NOTES}; [[ $TANDEM_SITE_URL == http://site.example && -n $TANDEM_DOCROOT ]]`);

    expect(run("cron")).toMatchObject({ code: 0, stdout: "the due events have run\n" });
    expect(log()).toEqual(["writer.php", "cron.php"]);
  });

  test("says what PHP said of an event that failed, and is no fault of the node", () => {
    const { run } = node(
      '[[ $script == *writer.php ]] || { echo "<p>a page</p>"; printf "Fatal error: a plugin\\nStack trace:\\n" >&2; exit 255; }',
    );

    expect(run("cron")).toMatchObject({
      code: 20,
      stderr: "the due events cannot be run to their end: Fatal error: a plugin\n",
    });
  });

  test("does not begin a second run on the node, and a drain can see the first", () => {
    const { run, log } = node(`${NOTES}; if [[ $script == *cron.php ]]; then sleep 2; fi`);

    const ended = run('(cron >/dev/null) & sleep 1; cron; cron_runs && echo seen; wait; cron_runs || echo "over"');

    expect(ended).toMatchObject({ code: 0, stdout: "a run of this node goes on\nseen\nover\n" });
    expect(log().filter((name) => name === "cron.php")).toHaveLength(1);
  });
});
