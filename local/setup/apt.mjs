import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { SetupError, say } from "./console.mjs";
import { ALWAYS, UNUSED } from "./packages.mjs";

/** One line of progress for so many packages. */
const PROGRESS_EVERY = 12;
/** Debian keeps its keys here; used when apt trusts no key by itself because each source names its own. */
const KEYRINGS = ["/usr/share/keyrings/debian-archive-keyring.gpg", "/usr/share/keyrings/ubuntu-archive-keyring.gpg"];
const OFFLINE =
  /Could not resolve|Temporary failure|Could not connect|Network is unreachable|Unable to connect|Failed to fetch/;

/**
 * Debian's package tool with lists, cache and status of its own in `folder`: needs no root and changes nothing else.
 * @param {string} folder
 * @param {"own" | "newest"} archive the machine's own suites, or Debian's sid on the same mirror
 */
export async function openArchive(folder, archive) {
  const apt = { folder, options: optionsIn(folder) };
  mkdirSync(join(folder, "lists", "partial"), { recursive: true });
  mkdirSync(join(folder, "cache", "archives", "partial"), { recursive: true });
  writeFileSync(join(folder, "status"), "");
  writeFileSync(join(folder, "sources.list"), sources(archive));
  say(`apt: reading the package lists (${archive === "own" ? "this machine's suites" : "sid"}) ...`);
  const updated = await aptGet(apt, ["update", "-o", "APT::Update::Error-Mode=any"]);
  if (updated.code !== 0) throw aptError("the package lists cannot be read", updated.words);
  return apt;
}

/** Whether the archive has all of these packages. */
export async function offers(apt, names) {
  const listed = await aptGet(apt, ["--print-uris", "-y", "install", ...names]);
  return !/Unable to locate package|has no installation candidate/.test(listed.words);
}

/** Names of all packages that `names` need and that are worth unpacking here. With `all`, also what the machine has. */
export async function closure(apt, names, all) {
  const listed = await aptGet(apt, ["--print-uris", "-y", "install", ...names]);
  if (listed.code !== 0) throw aptError(`no set of packages for ${names.join(" ")}`, listed.words);
  const present = all ? new Set() : installedPackages();
  return [...listed.words.matchAll(/^'[^']+' (\S+?)_\S+\.deb /gm)]
    .map(([, name]) => name)
    .filter((name) => names.includes(name) || !UNUSED.some((rule) => rule.test(name)))
    .filter((name) => !present.has(name) || names.includes(name) || ALWAYS.some((rule) => rule.test(name)));
}

/**
 * Downloads and unpacks packages into `target`. What is downloaded is checked by apt against the signed lists; it is
 * unpacked beside the target and renamed at the end, so `target` is whole or not there.
 */
export async function unpack(apt, label, names, target) {
  const downloads = join(apt.folder, "packages", label);
  mkdirSync(downloads, { recursive: true });
  let got = 0;
  say(`${label}: downloading ${names.length} packages ...`);
  const result = await aptGet(apt, ["download", ...names], downloads, (line) => {
    if (!line.startsWith("Get:")) return;
    got += 1;
    if (got % PROGRESS_EVERY === 0) say(`${label}: downloading ${got} of ${names.length} ...`);
  });
  if (result.code !== 0) throw aptError(`${label}: the download failed`, result.words);
  const part = `${target}.part`;
  rmSync(part, { recursive: true, force: true });
  mkdirSync(part, { recursive: true });
  say(`${label}: unpacking ...`);
  for (const file of readdirSync(downloads).filter((name) => name.endsWith(".deb")))
    extract(join(downloads, file), part);
  rmSync(target, { recursive: true, force: true });
  renameSync(part, target);
  rmSync(downloads, { recursive: true, force: true });
}

/** `debian`, `ubuntu`... as the machine calls itself. */
export function distribution() {
  if (!existsSync("/etc/os-release")) return "unknown";
  return /^ID="?([\w-]+)/m.exec(readFileSync("/etc/os-release", "utf8"))?.[1] ?? "unknown";
}

function optionsIn(folder) {
  const settings = [
    `Dir::State::lists=${join(folder, "lists")}`,
    `Dir::State::status=${join(folder, "status")}`,
    `Dir::Cache=${join(folder, "cache")}`,
    `Dir::Etc::sourcelist=${join(folder, "sources.list")}`,
    "Dir::Etc::sourceparts=/dev/null",
    "Debug::NoLocking=1",
    "APT::Sandbox::User=",
    "APT::Install-Recommends=false",
    "Acquire::Languages=none",
    "Acquire::Check-Valid-Until=false", // a mirror that lags behind is still the machine's mirror
    "Acquire::Retries=3",
  ];
  return settings.flatMap((setting) => ["-o", setting]);
}

/** Source lines from the machine's own configuration; its lists need not have been read. No host name is written here. */
function sources(archive) {
  const targets = spawnSync(
    "apt-get",
    ["indextargets", "--no-release-info", "--format", "$(REPO_URI) $(RELEASE) $(COMPONENT)", "Identifier: Packages"],
    { encoding: "utf8" },
  );
  const lines = [...new Set((targets.stdout ?? "").split("\n").filter((line) => line.split(" ").length === 3))];
  if (lines.length === 0) {
    throw new SetupError("apt: this machine names no package source", "set one up in /etc/apt/sources.list.d");
  }
  const trust = trustOption();
  if (archive === "own") return lines.map((line) => `deb ${trust}${line}\n`).join("");
  const mirror = lines.find((line) => !/-security|-updates|-backports/.test(line)) ?? lines[0];
  return `deb ${trust}${mirror.split(" ")[0]} sid main\n`;
}

function trustOption() {
  const trusted = "/etc/apt/trusted.gpg.d";
  if (existsSync(trusted) && readdirSync(trusted).length > 0) return "";
  const keyring = KEYRINGS.find((file) => existsSync(file));
  return keyring === undefined ? "" : `[signed-by=${keyring}] `;
}

function installedPackages() {
  const listed = spawnSync("dpkg-query", ["-W", "-f", "${db:Status-Abbrev} ${Package}\n"], {
    encoding: "utf8",
    maxBuffer: 64 * 1024 * 1024,
  });
  const names = (listed.stdout ?? "").split("\n").filter((line) => line.startsWith("ii "));
  return new Set(names.map((line) => line.slice("ii ".length).trim()));
}

function extract(file, target) {
  const done = spawnSync("dpkg", ["-x", file, target], { encoding: "utf8" });
  if (done.status !== 0) throw new SetupError(`apt: ${file} cannot be unpacked: ${done.stderr}`, "is the disk full?");
}

function aptGet(apt, args, cwd = apt.folder, onLine = () => {}) {
  return new Promise((resolve, reject) => {
    const child = spawn("apt-get", [...apt.options, ...args], {
      cwd,
      env: { ...process.env, LC_ALL: "C", DEBIAN_FRONTEND: "noninteractive" },
      stdio: ["ignore", "pipe", "pipe"],
    });
    let words = "";
    let rest = "";
    child.stderr.on("data", (chunk) => (words += chunk));
    child.stdout.on("data", (chunk) => {
      words += chunk;
      const lines = (rest + chunk).split("\n");
      rest = lines.pop() ?? "";
      lines.forEach(onLine);
    });
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, words }));
  });
}

function aptError(what, words) {
  if (OFFLINE.test(words)) {
    return new SetupError("apt: the package mirror cannot be reached", "connect to the network and run this again");
  }
  const errors = words.split("\n").filter((line) => /^[EW]:/.test(line));
  return new SetupError(`apt: ${what}: ${errors.slice(0, 3).join(" ")}`, "mend the package sources and run this again");
}
