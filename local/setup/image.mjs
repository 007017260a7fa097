import { spawnSync } from "node:child_process";
import { cpSync, existsSync, lstatSync, mkdirSync, readdirSync, renameSync, rmSync } from "node:fs";
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
  say("mysql: initialising the template of the data folder ...");
  whole(join(image, "mysql-template"), (part) => {
    const asRoot = process.getuid?.() === 0 ? ["--user=root"] : [];
    const done = spawnSync(
      join(opt, "bin/mysqld"),
      ["--no-defaults", "--initialize-insecure", `--datadir=${part}`, "--innodb-redo-log-capacity=64M", ...asRoot],
      { encoding: "utf8", timeout: INITIALISE_MS_MAX },
    );
    if (done.status !== 0) {
      const words = `${done.error?.message ?? ""}${done.stderr}`.trim().split("\n").slice(-3).join(" ");
      throw new SetupError(`mysql: the data folder cannot be initialised: ${words}`, "see the message above");
    }
    for (const name of readdirSync(part)) if (/^auto\.cnf$|\.pem$/.test(name)) rmSync(join(part, name));
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
