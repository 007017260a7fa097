import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import { inMachine, machineRoot, nodeFiles, type Ended } from "./bash.ts";

const onNode = (script: string, flavour: string, root = machineRoot()): Ended =>
  inMachine(`make_folders; source "${nodeFiles}/server.sh"; ${script}`, root, {
    TANDEM_FLAVOUR: flavour,
    TANDEM_NODE: "db-a",
  });

describe("a database machine", () => {
  test("of a flavour that there is not ends its boot with the reason", () => {
    const root = machineRoot();

    inMachine(`boot_started; source "${nodeFiles}/server.sh"`, root, { TANDEM_FLAVOUR: "percona" });

    expect(readFileSync(join(root, "var/lib/tandem/boot-failed"), "utf8")).toBe(
      "10 TANDEM_FLAVOUR is 'percona': mysql and mariadb are known\n",
    );
  });

  test("quotes what stands in an account's name or password", () => {
    expect(onNode(`sql_quote "o'b\\\\x"`, "mysql").stdout).toBe(String.raw`'o''b\\x'`);
  });
});

describe("the option files of the two servers", () => {
  const options = (flavour: string): string => readFileSync(join(nodeFiles, `${flavour}.cnf`), "utf8");

  test.each(["mysql", "mariadb"])("of %s make no write that the peer could lack, and start closed", (flavour) => {
    const text = options(flavour);

    for (const line of [/^sync-binlog = 1$/m, /^innodb-flush-log-at-trx-commit = 1$/m, /^binlog-format = ROW$/m])
      expect(text).toMatch(line);
    expect(text).toMatch(/^(super-)?read-only = ON$/m);
    expect(text).toMatch(/^skip-(replica|slave)-start = ON$/m);
    expect(text).toMatch(/^rpl-semi-sync-(source|master)-enabled = OFF$/m);
    expect(text).toMatch(/^rpl-semi-sync-(source|master)-wait-point = AFTER_SYNC$/m);
    expect(text).not.toMatch(/skip-errors|IDEMPOTENT/);
  });
});

describe("the accounts of the two servers", () => {
  const statements = (flavour: string): string => readFileSync(join(nodeFiles, `${flavour}-accounts.sql`), "utf8");
  const withTls = (flavour: string): string[] =>
    [...statements(flavour).matchAll(/ALTER USER \$\{TANDEM_USER_(\w+)\}.* REQUIRE SSL;/g)].map(
      ([, name = ""]) => name,
    );

  test.each(["mysql", "mariadb"])(
    "of %s are made without a transaction, and all but the site's want TLS",
    (flavour) => {
      const [first] = statements(flavour)
        .split("\n")
        .filter((line) => !line.startsWith("--"));

      expect(first).toBe("SET SESSION sql_log_bin = 0;");
      expect(withTls(flavour)).toEqual(["ADMIN", "OBSERVER", "HEALER", "REPLICATION"]);
      expect(statements(flavour)).toMatch(/LOCK TABLES\n {2}ON wordpress\.\* TO \$\{TANDEM_USER_APP\}@'%';/);
      expect([...statements(flavour).matchAll(/GRANT [^;]* ON \*\.\* TO \$\{TANDEM_USER_APP\}/g)]).toEqual([]);
    },
  );
});

describe("the certificate of a MariaDB server", () => {
  const certificate = (root: string): string => join(root, "etc/tandem/tls/cert.pem");

  test("is made at the first boot, its key for nobody else, and kept at the next", () => {
    const root = machineRoot();

    const ended = onNode("prepare_tls; echo $TANDEM_TLS", "mariadb", root);
    const made = readFileSync(certificate(root), "utf8");
    onNode("prepare_tls", "mariadb", root);

    expect(ended).toEqual({ code: 0, stdout: `${root}/etc/tandem/tls\n`, stderr: "" });
    expect(statSync(join(root, "etc/tandem/tls/key.pem")).mode & 0o777).toBe(0o600);
    expect(readFileSync(certificate(root), "utf8")).toBe(made);
    expect(existsSync(join(root, "etc/tandem/tls/key.pem"))).toBe(true);
  });

  test("is made anew when it ends within the year, or cannot be read", () => {
    const root = machineRoot();
    mkdirSync(join(root, "etc/tandem/tls"), { recursive: true });
    const folder = join(root, "etc/tandem/tls");
    const short = ["-subj", "/CN=db-a", "-days", "30", "-keyout", join(folder, "key.pem"), "-out", certificate(root)];
    const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
    execFileSync("openssl", ["req", "-x509", ...key, ...short], { stdio: "ignore" });
    const before = readFileSync(certificate(root), "utf8");

    onNode("prepare_tls", "mariadb", root);
    const renewed = readFileSync(certificate(root), "utf8");
    writeFileSync(certificate(root), "half of a");
    onNode("prepare_tls", "mariadb", root);

    expect(renewed).not.toBe(before);
    expect(readFileSync(certificate(root), "utf8")).toContain("BEGIN CERTIFICATE");
  });
});
