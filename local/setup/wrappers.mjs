import { existsSync, mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { SetupError } from "./console.mjs";
import { PHP_EXTENSIONS } from "./packages.mjs";

/**
 * `<opt>/bin`: one small script (or link) per program, found relative to itself, so that the clone can be moved.
 * The unpacked folders below `opt` are `web`, `mysql` and `mariadb`. `found` maps a program's name to the machine's own
 * commands; `withMariadb`: whether the farm has the second flavour at all.
 */
export function writeWrappers(opt, found, withMariadb) {
  const bin = join(opt, "bin");
  rmSync(bin, { recursive: true, force: true });
  mkdirSync(bin, { recursive: true });
  for (const commands of Object.values(found)) {
    for (const [command, path] of Object.entries(commands)) {
      if (command !== "python3") symlinkSync(path, join(bin, command));
    }
  }
  const script = (name, lines) => writeFileSync(join(bin, name), [...HEAD, ...lines, ""].join("\n"), { mode: 0o755 });
  for (const name of ["nginx", "haproxy", "memcached", "jq", "curl", "openssl", "shellcheck"]) {
    if (found[name] === undefined) script(name, [...libraries(opt, "web"), `exec "$opt/${inRoot(opt, name)}" "$@"`]);
  }
  if (found.php === undefined) writePhp(opt, script);
  if (found.mysql === undefined) writeMysql(opt, script);
  if (found.mariadb === undefined && withMariadb) writeMariadb(opt, script);
  writePython(opt, script, found.python?.python3);
}

/** No command substitution: a shell that waits for one collects children which its caller left for the program. */
const HEAD = ["#!/bin/sh", "case $0 in /*) opt=${0%/*}/.. ;; *) opt=$PWD/${0%/*}/.. ;; esac"];

/** Folders of the unpacked root with shared libraries, in the form that the dynamic loader takes. */
function libraryPath(opt, root) {
  const folders = ["usr/lib", "lib"].flatMap((base) => {
    const inside = join(opt, root, base);
    const triplets = existsSync(inside) ? readdirSync(inside).filter((name) => name.endsWith("-linux-gnu")) : [];
    return triplets.map((triplet) => `${base}/${triplet}`);
  });
  return folders.map((folder) => `$opt/${root}/${folder}`).join(":");
}

function libraries(opt, root) {
  const path = libraryPath(opt, root);
  return path === "" ? [] : [`export LD_LIBRARY_PATH="${path}\${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"`];
}

/** Path below `opt` of a program in the unpacked root. */
function inRoot(opt, name, root = "web") {
  const folder = ["usr/sbin", "usr/bin", "sbin", "bin"].find((each) => existsSync(join(opt, root, each, name)));
  if (folder === undefined)
    throw new SetupError(`set-up: the packages hold no ${name}`, "report this with your distribution's name");
  return `${root}/${folder}/${name}`;
}

/** PHP gets an own php.ini with exactly the extensions that WordPress uses; the machine's configuration plays no part. */
function writePhp(opt, script) {
  const sbin = readdirSync(join(opt, "web/usr/sbin")).find((name) => name.startsWith("php-fpm"));
  const version = sbin?.slice("php-fpm".length) ?? "";
  const apis = join(opt, "web/usr/lib/php");
  const api = readdirSync(apis).find((name) => /^\d{8}$/.test(name) && existsSync(join(apis, name, "mysqli.so")));
  if (sbin === undefined || api === undefined) throw new SetupError("set-up: the packages hold no PHP", "report this");
  const present = PHP_EXTENSIONS.filter((name) => existsSync(join(apis, api, `${name}.so`)));
  mkdirSync(join(opt, "etc"), { recursive: true });
  const loads = present.map((name) => `${name === "opcache" ? "zend_extension" : "extension"}=${name}\n`);
  writeFileSync(join(opt, "etc/php.ini"), loads.join(""));
  const options = `-c "$opt/etc/php.ini" -d extension_dir="$opt/web/usr/lib/php/${api}"`;
  for (const [name, path] of [
    ["php-fpm", `web/usr/sbin/${sbin}`],
    ["php", `web/usr/bin/php${version}`],
  ]) {
    script(name, [...libraries(opt, "web"), "export PHP_INI_SCAN_DIR=", `exec "$opt/${path}" ${options} "$@"`]);
  }
}

/**
 * sid's MySQL needs a newer C library than the machine may have, so it runs under the dynamic loader of its own closure.
 * An option file must stay the first argument; the folders that it would look for below /usr follow it.
 */
function writeMysql(opt, script) {
  const loader = loaderIn(join(opt, "mysql"));
  const path = `${libraryPath(opt, "mysql")}:$opt/mysql/usr/lib/mysql/private`;
  const run = `exec "$opt/mysql/${loader}" --library-path "${path}"`;
  script("mysql", [`${run} "$opt/mysql/usr/bin/mysql" "$@"`]);
  script("mysqld", [...OPTION_FILE_FIRST, `${run} "$opt/mysql/usr/sbin/mysqld" ${serverFolders("mysql")} "$@"`]);
}

function writeMariadb(opt, script) {
  const loads = libraries(opt, "mariadb");
  const path = (name) => `exec "$opt/${inRoot(opt, name, "mariadb")}"`;
  for (const name of ["mariadb", "mariadb-backup", "mbstream"]) script(name, [...loads, `${path(name)} "$@"`]);
  script("mariadbd", [...loads, ...OPTION_FILE_FIRST, `${path("mariadbd")} ${serverFolders("mariadb")} "$@"`]);
  const install = `${path("mariadb-install-db")} \${first:+"$first"} --basedir="$opt/mariadb/usr" "$@"`;
  script("mariadb-install-db", [...loads, ...OPTION_FILE_FIRST, install]);
}

const OPTION_FILE_FIRST = ["first=", "case ${1-} in --defaults-file=* | --no-defaults) first=$1; shift ;; esac"];

/** What a server of either flavour would look for below /usr. */
const serverFolders = (root) =>
  [
    `\${first:+"$first"} --basedir="$opt/${root}/usr" --lc-messages-dir="$opt/${root}/usr/share/mysql"`,
    `--character-sets-dir="$opt/${root}/usr/share/mysql/charsets" --plugin-dir="$opt/${root}/usr/lib/mysql/plugin"`,
  ].join(" ");

function loaderIn(root) {
  for (const folder of ["usr/lib64", "lib64", "usr/lib", "lib"]) {
    const inside = join(root, folder);
    const name = existsSync(inside)
      ? readdirSync(inside).find((each) => /^ld-linux.*\.so\.\d+$/.test(each))
      : undefined;
    if (name !== undefined) return `${folder}/${name}`;
  }
  throw new SetupError(
    "set-up: the MySQL packages hold no dynamic loader",
    "report this with your machine's architecture",
  );
}

/** The machine's own Python when there is one, with pymysql added if it has none. */
function writePython(opt, script, python) {
  const added = existsSync(join(opt, "web/usr/lib/python3/dist-packages/pymysql"));
  const path = added ? ['export PYTHONPATH="$opt/web/usr/lib/python3/dist-packages${PYTHONPATH:+:$PYTHONPATH}"'] : [];
  if (python !== undefined) return script("python3", [...path, `exec "${python}" "$@"`]);
  const own = [...libraries(opt, "web"), 'export PYTHONHOME="$opt/web/usr"'];
  return script("python3", [...own, ...path, `exec "$opt/${inRoot(opt, "python3")}" "$@"`]);
}
