import { spawnSync } from "node:child_process";
import { cpSync, existsSync, lstatSync, mkdirSync, readdirSync, renameSync, rmSync } from "node:fs";
import { userInfo } from "node:os";
import { dirname, join } from "node:path";
import { SetupError, say } from "./console.mjs";
import { WORDPRESS } from "./packages.mjs";

/** An initialisation takes 3 s; a machine that needs this long has another problem. */
const INITIALISE_MS_MAX = 120_000;

/**
 * `<image>/wordpress`: WordPress as its package ships it, every link into other packages replaced by what it points to,
 * without the package's own configuration. Read-only from then on: each node links its files from here.
 */
export function buildWordpress(root, image) {
  say("wordpress: preparing the tree ...");
  whole(join(image, "wordpress"), (part) => {
    // The certificates are the machine's: WordPress asks no outside host here, so a tree without them is complete.
    const wanted = (file) => !/\/(wp-config\.php|\.htaccess|ca-bundle\.crt)$/.test(file) || file.includes("/wp-admin/");
    copyFollowing(join(root, "usr/share/wordpress"), part, wanted);
    const theme = join("wp-content", "themes", WORDPRESS.theme);
    if (!existsSync(join(part, theme, "style.css"))) {
      throw new SetupError(
        `wordpress: the theme ${WORDPRESS.theme} is missing`,
        "remove .tandem/opt and run this again",
      );
    }
  });
}

/** `<image>/mysql-template`: a data folder that every new server starts as a copy of; no identity and no keys in it. */
export function buildMysqlTemplate(opt, image) {
  const options = ["--initialize-insecure", "--innodb-redo-log-capacity=64M"];
  buildTemplate(image, "mysql", join(opt, "bin/mysqld"), options, /^auto\.cnf$|\.pem$/);
}

/**
 * `<image>/mariadb-template`: the same of the other flavour. It has no account without a password: who made it, and root,
 * are known by the socket they come through. The method "normal" would also let anybody in from 127.0.0.1.
 */
export function buildMariadbTemplate(opt, image) {
  const options = [
    "--auth-root-authentication-method=socket",
    `--auth-root-socket-user=${userInfo().username}`,
    "--skip-test-db",
    "--skip-name-resolve",
    "--innodb-log-file-size=64M",
  ];
  buildTemplate(image, "mariadb", join(opt, "bin/mariadb-install-db"), options, /^ib_buffer_pool$/);
}

/** `personal`: files that no two servers may share, or need not. */
function buildTemplate(image, flavour, program, options, personal) {
  say(`${flavour}: initialising the template of the data folder ...`);
  whole(join(image, `${flavour}-template`), (part) => {
    const asRoot = process.getuid?.() === 0 ? ["--user=root"] : [];
    const done = spawnSync(program, ["--no-defaults", `--datadir=${part}`, ...options, ...asRoot], {
      encoding: "utf8",
      timeout: INITIALISE_MS_MAX,
    });
    if (done.status !== 0) {
      const words = `${done.error?.message ?? ""}${done.stderr}`.trim().split("\n").slice(-3).join(" ");
      throw new SetupError(`${flavour}: the data folder cannot be initialised: ${words}`, "see the message above");
    }
    for (const name of readdirSync(part)) if (personal.test(name)) rmSync(join(part, name));
  });
}

/** Builds `<target>.part` and renames it, so that `target` is whole or not there. */
function whole(target, build) {
  const part = `${target}.part`;
  rmSync(part, { recursive: true, force: true });
  mkdirSync(part, { recursive: true });
  build(part);
  rmSync(target, { recursive: true, force: true });
  renameSync(part, target);
}

/** Copies files, and files behind links, one by one: a link out of the tree would break when the tree moves. */
function copyFollowing(from, to, wanted) {
  for (const name of readdirSync(from)) {
    const source = join(from, name);
    if (!wanted(source)) continue;
    if (lstatSync(source).isDirectory()) {
      mkdirSync(join(to, name), { recursive: true });
      copyFollowing(source, join(to, name), wanted);
    } else if (existsSync(source)) {
      mkdirSync(dirname(join(to, name)), { recursive: true });
      cpSync(source, join(to, name), { dereference: true, recursive: true });
    } else {
      throw new SetupError(`wordpress: ${source} points to a file that no package brought`, "report this");
    }
  }
}
