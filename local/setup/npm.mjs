import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, lstatSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { SetupError, say } from "./console.mjs";

/** Long enough not to flood a log, short enough to show life. */
const PROGRESS_EVERY_MS = 5_000;
/** Lines of npm's own words that an error repeats. */
const ERROR_LINES_MAX = 6;

const stampOf = (repository) => join(repository, "node_modules", ".tandem-stamp");
const lockHash = (repository) =>
  createHash("sha256")
    .update(readFileSync(join(repository, "package-lock.json")))
    .digest("hex");

/** Whether node_modules is what package-lock.json asks for, as far as the stamp of the last installation says. */
export function dependenciesReady(repository) {
  const stamp = stampOf(repository);
  return existsSync(stamp) && readFileSync(stamp, "utf8").trim() === lockHash(repository);
}

/** Installs the npm dependencies. The stamp is written last: an interrupted installation is done again. */
export async function installDependencies(repository) {
  const hash = lockHash(repository);
  if (!installedByHand(repository)) await npmCi(repository);
  writeFileSync(stampOf(repository), `${hash}\n`);
}

/** `npx tandem` finds the CLI through this link; npm makes none for the package at the root. */
export function linkCommand(repository) {
  const link = join(repository, "node_modules", ".bin", "tandem");
  if (lstatSync(link, { throwIfNoEntry: false }) !== undefined) return;
  mkdirSync(join(repository, "node_modules", ".bin"), { recursive: true });
  symlinkSync(join("..", "..", "bin", "tandem"), link);
}

/** Someone ran `npm install` already: npm's own record of the tree, which it writes last, holds every locked version. */
function installedByHand(repository) {
  const record = join(repository, "node_modules", ".package-lock.json");
  if (!existsSync(record)) return false;
  const wanted = packagesOf(join(repository, "package-lock.json"));
  const present = packagesOf(record);
  return Object.entries(wanted).every(
    ([path, { version, optional, devOptional }]) =>
      path === "" || present[path]?.version === version || (present[path] === undefined && (optional || devOptional)),
  );
}

function packagesOf(file) {
  try {
    return JSON.parse(readFileSync(file, "utf8")).packages ?? {};
  } catch (error) {
    throw new SetupError(`npm: ${file} cannot be read (${error.message})`, "restore it from the repository");
  }
}

async function npmCi(repository) {
  const count = Object.keys(packagesOf(join(repository, "package-lock.json"))).length - 1;
  const startedAt = Date.now();
  say(`npm: installing ${count} packages ...`);
  const ticking = setInterval(
    () => say(`npm: installing ${count} packages, ${Math.round((Date.now() - startedAt) / 1000)} s ...`),
    PROGRESS_EVERY_MS,
  );
  try {
    await runNpm(repository);
  } finally {
    clearInterval(ticking);
  }
  say(`npm: installed in ${Math.round((Date.now() - startedAt) / 1000)} s`);
}

function runNpm(repository) {
  return new Promise((resolve, reject) => {
    const child = spawn("npm", ["ci", "--no-audit", "--no-fund", "--loglevel=error"], {
      cwd: repository,
      stdio: ["ignore", "pipe", "pipe"],
    });
    let words = "";
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (words += chunk));
    child.on("error", (error) =>
      reject(new SetupError(`npm: cannot be started (${error.message})`, "install npm beside Node.js")),
    );
    child.on("close", (code) => (code === 0 ? resolve() : reject(npmError(code, words))));
  });
}

function npmError(code, words) {
  if (/ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ETIMEDOUT|ENETUNREACH|network/i.test(words)) {
    return new SetupError("npm: the package registry cannot be reached", "connect to the network and run this again");
  }
  const last = words.trim().split("\n").slice(-ERROR_LINES_MAX).join("\n  ");
  return new SetupError(`npm: npm ci ended with ${code}\n  ${last}`, "mend what npm says and run this again");
}
