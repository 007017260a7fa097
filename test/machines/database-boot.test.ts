import { existsSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, jest, test } from "@jest/globals";
import { farmPaths, projectRoot } from "../../local/farm/paths.ts";
import { ACCOUNTS, bootDatabase, runOn } from "./database-machine.ts";

/** A boot and its proof take 3 s; on a machine that is busy with other things, many times that. */
jest.setTimeout(90_000);

/** What the two flavours call the same things. */
const FLAVOURS = {
  mysql: {
    version: /^[89]\./,
    semiSync: "rpl_semi_sync_source",
    waitAlone: "rpl_semi_sync_source_wait_no_replica",
    enabled: ["rpl_semi_sync_source_enabled", "rpl_semi_sync_replica_enabled"],
    position: "@@global.gtid_executed",
    program: "mysqld",
    open: "SET GLOBAL super_read_only = OFF; SET GLOBAL read_only = OFF",
    closed: "read_only=ON, super_read_only=ON\n",
  },
  mariadb: {
    version: /MariaDB/,
    semiSync: "rpl_semi_sync_master",
    waitAlone: "rpl_semi_sync_master_wait_no_slave",
    enabled: ["rpl_semi_sync_master_enabled", "rpl_semi_sync_slave_enabled"],
    position: "@@global.gtid_current_pos",
    program: "mariadbd",
    open: "SET GLOBAL read_only = OFF",
    closed: "read_only=ON\n",
  },
} as const;
/** As the agent would, whose first command comes when user data has long run. */
const LAUNCH = `until [ -e "$TANDEM_ROOT/var/lib/tandem/boot-started" ]; do sleep 0.05; done
  "$TANDEM_ROOT/opt/tandem/tandem-node" launch`;
type Name = keyof typeof FLAVOURS;

const isHere = (flavour: Name): boolean =>
  existsSync(join(farmPaths(projectRoot).opt, "bin", FLAVOURS[flavour].program));

describe.each<Name>(["mysql", "mariadb"])("a database machine with %s", (flavour) => {
  const checked = isHere(flavour) ? test : test.skip;
  if (!isHere(flavour)) console.log(`not checked: the set-up found no ${flavour} for this machine`);
  const words = FLAVOURS[flavour];
  let node: Awaited<ReturnType<typeof bootDatabase>>;
  let launch = "";

  const writer = async (): Promise<string> => {
    const response = await fetch(`http://${node.address}:9200/writer`, { headers: { connection: "close" } });
    return `${response.status} ${await response.text()}`;
  };

  beforeAll(async () => {
    if (!isHere(flavour)) return;
    node = await bootDatabase(flavour);
    launch = await runOn(node.machine, LAUNCH);
  });
  afterAll(() => node?.close());

  checked(
    "proves itself and comes up read-only, with semi-sync ready but off, and holding no transaction",
    async () => {
      expect(launch).toMatch(/exit 0$/);
      const variables = [
        ...words.enabled,
        words.waitAlone,
        `${words.semiSync}_wait_point`,
        `${words.semiSync}_timeout`,
      ];
      const columns = ["read_only", ...variables, "auto_increment_increment", "auto_increment_offset"];

      const seen = await node.query(
        "observer",
        `SELECT VERSION(), ${columns.map((name) => `@@global.${name}`).join()}, ${words.position}`,
      );

      expect(seen).toEqual([[expect.stringMatching(words.version), 1, 0, 0, 1, "AFTER_SYNC", 4_294_967_295, 2, 2, ""]]);
      expect(await writer()).toBe(`503 ${words.closed}`);
    },
  );

  checked("speaks TLS with every account, and nothing else with those of Tandem", async () => {
    for (const account of ACCOUNTS) {
      expect(await node.query(account, "SHOW STATUS LIKE 'Ssl_version'")).toEqual([["Ssl_version", "TLSv1.3"]]);
      if (account !== "app") expect(await node.query(account, "SELECT 1", false)).toBe("ER_ACCESS_DENIED_ERROR");
    }
  });

  checked("lets no account do what is not its own", async () => {
    expect(await node.query("app", "CREATE TABLE wordpress.posts (id INT)")).toBe("ER_OPTION_PREVENTS_STATEMENT");
    expect(await node.query("observer", "SELECT 1 FROM wordpress.posts")).toBe("ER_TABLEACCESS_DENIED_ERROR");
    for (const account of ["app", "observer", "replication"] as const) {
      expect(await node.query(account, "SET GLOBAL read_only = OFF")).toBe("ER_SPECIFIC_ACCESS_DENIED_ERROR");
      expect(await node.query(account, "SET SESSION sql_log_bin = 0")).toBe("ER_SPECIFIC_ACCESS_DENIED_ERROR");
    }
    expect(await node.query("healer", "CREATE USER x")).toBe("ER_SPECIFIC_ACCESS_DENIED_ERROR");
  });

  checked("is the writer once the healer has opened it; its server is read-only again after a crash", async () => {
    await node.query("healer", `${words.open}; CREATE DATABASE wordpress`);
    await node.query("app", "CREATE TABLE wordpress.posts (id INT); INSERT INTO wordpress.posts VALUES (1)");
    const opened = await writer();

    const crash = `source "$TANDEM_ROOT/opt/tandem/lib.sh"
      read -r before <"$TANDEM_RUN/mysqld.pid"; kill -KILL "$before"
      back() { read -r now <"$TANDEM_RUN/mysqld.pid" && [[ $now != "$before" && -S $TANDEM_ROOT/var/lib/mysql/mysqld.sock ]]; }
      again 20 back 2>/dev/null
      source "$TANDEM_FILES/server.sh"; again 20 server_answers`;
    const back = await runOn(node.machine, crash);

    expect(opened).toBe("200 writer\n");
    expect(back).toBe("exit 0");
    expect(await writer()).toBe(`503 ${words.closed}`);
    expect(await node.query("app", "INSERT INTO wordpress.posts VALUES (2)")).toBe("ER_OPTION_PREVENTS_STATEMENT");
    expect(await node.query("app", "SELECT id FROM wordpress.posts")).toEqual([[1]]);
  });
});
