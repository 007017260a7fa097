import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { cpSync, existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createConnection, type Connection } from "mysql2/promise";
import type { Credentials, ServerAddress } from "../../../lib/database/driver.ts";
import type { Flavour } from "../../../lib/database/server.ts";
import { farmPaths, projectRoot } from "../../../local/farm/paths.ts";

/**
 * Two real servers of one flavour, as the nodes' own option files and accounts make them, without a farm: on addresses
 * that no farm uses, with data folders of their own.
 */
export interface Pair {
  readonly a: Server;
  readonly b: Server;
  /** Ends what was started and deletes it. */
  close(): Promise<void>;
}

export interface Server {
  readonly address: ServerAddress;
  /** Starts it again after `end`, and waits until it answers. */
  start(): Promise<void>;
  signal(name: NodeJS.Signals): void;
  /** Kills it and waits until it is gone. */
  end(): Promise<void>;
  /** A client's connection, over TLS. It is closed with the pair. */
  client(account: Account): Promise<Connection>;
}

const ACCOUNTS = ["admin", "app", "observer", "healer", "replication"] as const;
export type Account = (typeof ACCOUNTS)[number];

/** With what SQL has to quote. */
export const passwordOf = (account: Account | "writer"): string => `Kn0wn-${account}'s "\\word?`;
export const credentialsOf = (account: Account): Credentials => ({ username: account, password: passwordOf(account) });

const PORT = 3306;
const NETS: Readonly<Record<Flavour, string>> = { mysql: "127.30.1", mariadb: "127.30.2" };
const START_MS = 20_000;
const STEP_MS = 50;

const opt = farmPaths(projectRoot).opt;
const program = (name: string): string => join(opt, "bin", name);
const nodeFile = (name: string): string => join(projectRoot, "infra/nodes", name);
const SERVER = { mysql: "mysqld", mariadb: "mariadbd" } as const;
const CLIENT = { mysql: "mysql", mariadb: "mariadb" } as const;

/** What a pair needs and is not there: another set-up than the one for this flavour. */
export const missing = (flavour: Flavour): readonly string[] =>
  [
    program(SERVER[flavour]),
    program(CLIENT[flavour]),
    join(opt, "image", `${flavour}-template`),
    nodeFile(`${flavour}.cnf`),
    nodeFile(`${flavour}-accounts.sql`),
    ...(flavour === "mariadb" ? [program("openssl")] : []),
  ].filter((path) => !existsSync(path));

export async function openPair(flavour: Flavour): Promise<Pair> {
  const folder = mkdtempSync(join(tmpdir(), "tandem-pair-"));
  const servers = [1, 2].map((index) => prepare(flavour, folder, index));
  const close = async (): Promise<void> => {
    await Promise.all(servers.map((server) => server.end()));
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    await Promise.all(servers.map(async (server) => server.start()));
    for (const server of servers) server.accounts();
  } catch (error) {
    await close();
    throw error;
  }
  const [a, b] = servers;
  if (a === undefined || b === undefined) throw new Error("a pair has two servers");
  return { a, b, close };
}

function prepare(flavour: Flavour, folder: string, index: number): Server & { accounts(): void } {
  const home = join(folder, `${index}`);
  const data = join(home, "data");
  const values = valuesOf(flavour, home, index);
  mkdirSync(values.TANDEM_TLS, { recursive: true });
  cpSync(join(opt, "image", `${flavour}-template`), data, { recursive: true });
  const options = join(home, "my.cnf");
  writeFileSync(options, rendered(nodeFile(`${flavour}.cnf`), values));
  if (flavour === "mariadb") certify(values.TANDEM_TLS);
  const log = join(home, "server.log");
  const connections: Connection[] = [];
  let child: ChildProcess | undefined;
  const address = { host: values.TANDEM_ADDRESS, port: PORT };

  const root = (sql: string): void => {
    const user = flavour === "mysql" ? "root" : process.env["USER"] || "root";
    const to = ["--no-defaults", "--socket=mysqld.sock", `--user=${user}`];
    execFileSync(program(CLIENT[flavour]), to, { cwd: data, input: sql, stdio: ["pipe", "ignore", "pipe"] });
  };
  const answers = (): boolean => {
    try {
      root("SELECT 1");
      return true;
    } catch {
      return false;
    }
  };
  return {
    address,
    async start() {
      const out = openSync(log, "a");
      child = spawn(program(SERVER[flavour]), [`--defaults-file=${options}`], {
        cwd: data,
        stdio: ["ignore", out, out],
      });
      for (const until = Date.now() + START_MS; !answers(); await pause(STEP_MS))
        if (Date.now() > until || child.exitCode !== null)
          throw new Error(`${flavour} ${index} does not start: ${readFileSync(log, "utf8").slice(-2_000)}`);
    },
    accounts: () =>
      root(
        rendered(nodeFile(`${flavour}-accounts.sql`), values) +
          (flavour === "mysql" ? "\nSET GLOBAL super_read_only = ON;\n" : ""),
      ),
    signal: (name) => void child?.kill(name),
    async end() {
      for (const connection of connections.splice(0)) connection.destroy();
      if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
      const gone = once(child, "exit");
      child.kill("SIGKILL");
      await gone;
    },
    async client(account) {
      const as = { user: account, password: passwordOf(account), ssl: { rejectUnauthorized: false } };
      const connection = await createConnection({ ...address, ...as });
      // It is cut by what these tests do.
      connection.on("error", () => undefined);
      connections.push(connection);
      return connection;
    },
  };
}

function valuesOf(flavour: Flavour, home: string, index: number) {
  const host = `${NETS[flavour]}.${9 + index}`;
  const accounts = [...ACCOUNTS, "writer" as const].flatMap((account) => [
    [`TANDEM_USER_${account.toUpperCase()}`, quoted(account)],
    [`TANDEM_PASSWORD_${account.toUpperCase()}`, quoted(passwordOf(account))],
  ]);
  return {
    ...Object.fromEntries(accounts),
    // A server that runs as root refuses to start unless it is told to.
    TANDEM_MYSQL_USER: process.getuid?.() === 0 ? "user = root" : "",
    TANDEM_DATADIR: join(home, "data"),
    TANDEM_TLS: join(home, "tls"),
    TANDEM_BIND: host,
    TANDEM_ADDRESS: host,
    TANDEM_SERVER_ID: `${index}`,
    TANDEM_GTID_DOMAIN: `${index}`,
    TANDEM_AUTO_INCREMENT_OFFSET: `${index}`,
    TANDEM_BUFFER_POOL: "32M",
  };
}

const quoted = (text: string): string => `'${text.replaceAll("\\", "\\\\").replaceAll("'", "''")}'`;

const rendered = (file: string, values: Readonly<Record<string, string>>): string =>
  readFileSync(file, "utf8").replaceAll(/\$\{(\w+)\}/g, (_all, name: string) => {
    const value = values[name];
    if (value === undefined) throw new Error(`${file} wants ${name}`);
    return value;
  });

/** As the nodes do: MariaDB 10.11 makes no certificate itself. */
function certify(folder: string): void {
  const configuration = join(folder, "openssl.cnf");
  writeFileSync(configuration, "[req]\ndistinguished_name=dn\n[dn]\n");
  const key = [
    "-newkey",
    "ec",
    "-pkeyopt",
    "ec_paramgen_curve:prime256v1",
    "-nodes",
    "-days",
    "1",
    "-subj",
    "/CN=pair",
  ];
  const files = ["-keyout", join(folder, "key.pem"), "-out", join(folder, "cert.pem")];
  execFileSync(program("openssl"), ["req", "-x509", ...key, ...files], {
    env: { ...process.env, OPENSSL_CONF: configuration },
    stdio: ["ignore", "ignore", "pipe"],
  });
}

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Waits until the condition holds, and fails with what it is about if it does not. */
export async function eventually(what: string, holds: () => Promise<boolean>, withinMs = 8_000): Promise<void> {
  for (const end = Date.now() + withinMs; !(await holds()); await pause(STEP_MS))
    if (Date.now() > end) throw new Error(`not within ${withinMs} ms: ${what}`);
}
