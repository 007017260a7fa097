import { execFileSync, spawnSync } from "node:child_process";
import { accessSync, constants, readdirSync } from "node:fs";
import { delimiter, join } from "node:path";

/** Where administrators' programs live that an ordinary user's PATH leaves out. */
const MORE_FOLDERS = ["/usr/local/sbin", "/usr/sbin", "/sbin"];
/** A program that does not tell its version in this time is not one to rely on. */
const ANSWER_MS_MAX = 10_000;
const VERSION_OPTION = { nginx: "-v", haproxy: "-v", php: "-v", memcached: "-V", openssl: "version" };

/**
 * The machine's own programs that fulfil an entry of PROGRAMS, as `{command: path}`; undefined if one of them is
 * missing, too old, or lacks a module.
 */
export function findOnMachine(program) {
  const found = {};
  for (const command of program.commands) {
    const unversioned = program.unversioned?.includes(command);
    const path = candidates(command).find((each) => unversioned || fits(program, each));
    if (path === undefined) return undefined;
    found[command] = command === "python3" ? realPython(path) : path;
  }
  return found;
}

/** Whether this Python can open MySQL connections already. */
export function hasPymysql(python) {
  return spawnSync(python, ["-c", "import pymysql"], { stdio: "ignore" }).status === 0;
}

/** Any command of the machine by name, e.g. `apt-get`; undefined if there is none. */
export function which(command) {
  return candidates(command)[0];
}

function candidates(command) {
  const own = join(".tandem", "opt", "bin");
  const folders = [...(process.env.PATH ?? "").split(delimiter), ...MORE_FOLDERS];
  const usable = [...new Set(folders)].filter((folder) => folder !== "" && !folder.endsWith(own));
  return usable.flatMap((folder) => namesIn(folder, command).map((name) => join(folder, name))).filter(executable);
}

/** Debian calls PHP's server `php-fpm8.2`, others `php-fpm`; the newest comes first. */
function namesIn(folder, command) {
  if (command !== "php-fpm") return [command];
  try {
    const named = readdirSync(folder).filter((name) => /^php-fpm\d+\.\d+$/.test(name));
    return [command, ...named.toSorted((a, b) => b.localeCompare(a))];
  } catch {
    return []; // PATH may name folders that do not exist: there is nothing in them.
  }
}

function executable(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function fits(program, path) {
  const words = answer(path, VERSION_OPTION[program.name] ?? "--version");
  const version = /(?:^|[^\d.])(\d+)\.(\d+)/.exec(words.replace(/^.*?Ver /s, ""));
  if (version === null || program.reject?.test(words)) return false;
  const [major, minor] = [Number(version[1]), Number(version[2])];
  if (major < program.min[0] || (major === program.min[0] && minor < program.min[1])) return false;
  const modules = program.modules === undefined ? "" : answer(path, "-m").toLowerCase();
  return (program.modules ?? []).every((module) => modules.split("\n").includes(module));
}

function answer(path, option) {
  const told = spawnSync(path, [option], { encoding: "utf8", timeout: ANSWER_MS_MAX });
  return told.status === 0 ? `${told.stdout}${told.stderr}` : "";
}

/** Behind a version switcher's stand-in (slow, and dependent on the current folder) is the real interpreter. */
function realPython(path) {
  return execFileSync(path, ["-c", "import sys; print(sys.executable)"], { encoding: "utf8" }).trim();
}
