import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { closure, distribution, offers, openArchive, unpack } from "./apt.mjs";
import { SetupError, say } from "./console.mjs";
import { buildMariadbTemplate, buildMysqlTemplate, buildWordpress } from "./image.mjs";
import { PROGRAMS, WORDPRESS } from "./packages.mjs";
import { findOnMachine, hasPymysql, which } from "./programs.mjs";
import { writeWrappers } from "./wrappers.mjs";

/** Files whose text decides what is unpacked: a change of one of them downloads again. */
const PACKAGE_RECIPE = ["packages.mjs", "apt.mjs"];
/** Files whose text decides what is made of it: a change of one of them makes a set-up stale. */
const RECIPE = [...PACKAGE_RECIPE, "programs.mjs", "wrappers.mjs", "image.mjs", "install.mjs"];

/** Whether `.tandem/opt` is whole, made by this recipe, and the machine's own programs that it uses are still there. */
export function programsReady(opt) {
  const file = join(opt, "stamp.json");
  if (!existsSync(file)) return false;
  try {
    const stamp = JSON.parse(readFileSync(file, "utf8"));
    const used = [...stamp.machine, ...stamp.own.map((path) => join(opt, path))];
    return stamp.recipe === hashOf(RECIPE) && used.every((path) => existsSync(path));
  } catch {
    return false; // A stamp that cannot be read is no proof of anything: everything is looked at again.
  }
}

/** Finds or unpacks every program, then makes the image. The stamp is written last. */
export async function installPrograms(tandem) {
  const opt = join(tandem, "opt");
  const work = join(tandem, "setup");
  const place = { opt, archive: archivesIn(work) };
  mkdirSync(join(opt, "image"), { recursive: true });
  rmSync(join(opt, "stamp.json"), { force: true });
  const found = lookAround();
  const packages = wantedPackages(found);
  if (which("apt-get") === undefined || which("dpkg") === undefined) throw nothingToUnpackWith(found);
  if (packages.newest.length > 0 && distribution() !== "debian") throw tooOld(found);
  const web = await unpacked(place, "web", "own", packages.own);
  const mysql = await unpacked(place, "mysql", "newest", packages.newest);
  const mariadb = await unpacked(place, "mariadb", "own", packages.optional, true);
  writeWrappers(opt, found, mariadb !== NOT_OFFERED);
  step(opt, "image/wordpress", `${web} ${hashOf(["image.mjs"])}`, () =>
    buildWordpress(join(opt, "web"), join(opt, "image")),
  );
  step(opt, "image/mysql-template", `${mysql} ${hashOf(["image.mjs"])}`, () =>
    buildMysqlTemplate(opt, join(opt, "image")),
  );
  if (mariadb === NOT_OFFERED) say("mariadb: this machine's package sources have none: the farm runs with MySQL only");
  else
    step(opt, "image/mariadb-template", `${mariadb} ${hashOf(["image.mjs"])}`, () =>
      buildMariadbTemplate(opt, join(opt, "image")),
    );
  rmSync(work, { recursive: true, force: true });
  const machine = Object.values(found).flatMap((commands) => Object.values(commands));
  const own = [
    ...readdirSync(join(opt, "bin")).map((name) => join("bin", name)),
    "image/wordpress",
    "image/mysql-template",
    ...(mariadb === NOT_OFFERED ? [] : ["image/mariadb-template"]),
  ];
  writeLast(join(opt, "stamp.json"), `${JSON.stringify({ recipe: hashOf(RECIPE), machine, own }, null, 2)}\n`);
  say("set-up: done");
}

function hashOf(files) {
  const hash = createHash("sha256");
  for (const name of files) hash.update(readFileSync(new URL(name, import.meta.url)));
  return hash.update(process.arch).digest("hex");
}

/** What the machine has itself, by program name. Python counts without pymysql too: that part can be added to it. */
function lookAround() {
  const found = {};
  for (const program of PROGRAMS) {
    const commands = findOnMachine(program);
    if (commands !== undefined) found[program.name] = commands;
  }
  return found;
}

function wantedPackages(found) {
  const wanted = { own: [...WORDPRESS.packages], newest: [], optional: [] };
  for (const program of PROGRAMS) {
    const complete = found[program.name] !== undefined;
    const python = found.python?.python3;
    if (program.name === "python" && python !== undefined && !hasPymysql(python)) wanted.own.push("python3-pymysql");
    else if (program.name === "python" && !complete) wanted.own.push("python3", "python3-pymysql");
    else if (!complete) wanted[program.optional ? "optional" : program.archive].push(...program.packages);
  }
  return wanted;
}

/** Each archive is opened when the first package of it is wanted, and once. */
function archivesIn(work) {
  const opened = new Map();
  return async (name) => {
    if (!opened.has(name)) opened.set(name, await openArchive(join(work, name), name));
    return opened.get(name);
  };
}

/** What stands for a root's mark when the machine has these programs itself, and when its archive does not have them. */
const OF_MACHINE = "machine";
const NOT_OFFERED = "not offered";

/**
 * Downloads and unpacks one root below `opt`, unless it is there already, made of the same packages. Returns its mark.
 * An optional one may be missing from the archive.
 */
async function unpacked({ opt, archive: open }, label, archive, names, optional = false) {
  if (names.length === 0) return OF_MACHINE;
  const mark = createHash("sha256")
    .update(`${hashOf(PACKAGE_RECIPE)} ${names.join(" ")}`)
    .digest("hex");
  const target = join(opt, label);
  if (existsSync(target) && markOf(opt, label) === mark) return mark;
  rmSync(markFile(opt, label), { force: true });
  const apt = await open(archive);
  if (optional && !(await offers(apt, names))) return NOT_OFFERED;
  const all = archive === "newest"; // sid's libraries go together; the machine's are of another age
  await unpack(apt, label === "web" ? "web programs" : label, await closure(apt, names, all), target);
  writeLast(markFile(opt, label), mark);
  return mark;
}

/** Builds a part of the image from the root with the given mark, unless that was done already. */
function step(opt, label, mark, build) {
  if (existsSync(join(opt, label)) && markOf(opt, label) === mark) return;
  rmSync(markFile(opt, label), { force: true });
  build();
  writeLast(markFile(opt, label), mark);
}

const markFile = (opt, label) => join(opt, `.${label.replace("/", "-")}.mark`);
const markOf = (opt, label) => (existsSync(markFile(opt, label)) ? readFileSync(markFile(opt, label), "utf8") : "");

function writeLast(file, text) {
  writeFileSync(`${file}.part`, text);
  renameSync(`${file}.part`, file);
}

function missing(found) {
  return PROGRAMS.filter((program) => found[program.name] === undefined).map(
    ({ commands, min, why }) => `  ${commands.join(" and ")} ${min.join(".")} or newer${why === "" ? "" : ` (${why})`}`,
  );
}

function nothingToUnpackWith(found) {
  const wanted = [...missing(found), `  Debian's or Ubuntu's apt-get and dpkg, from which WordPress comes`];
  return new SetupError(
    `set-up: this machine has no apt; install these so that they are on PATH:\n${wanted.join("\n")}`,
    "run this again",
  );
}

function tooOld(found) {
  return new SetupError(
    `set-up: only Debian's mirror has a private MySQL; install these so that they are on PATH:\n${missing({ ...found, ...everythingButMysql() }).join("\n")}`,
    "run this again",
  );
}

const everythingButMysql = () =>
  Object.fromEntries(PROGRAMS.filter(({ name }) => name !== "mysql").map(({ name }) => [name, {}]));
