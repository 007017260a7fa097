import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { SetupError, say } from "./console.mjs";

/** A first set-up with a slow line takes some minutes; a holder that needs longer is stuck. */
const WAIT_MS_MAX = 15 * 60_000;
const LOOK_AGAIN_MS = 200;

/**
 * Runs `work` while this process alone holds the lock file; a lock whose process is gone is taken over.
 * @template T
 * @param {string} file
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
export async function withLock(file, work) {
  mkdirSync(dirname(file), { recursive: true });
  await acquire(file);
  const release = () => rmSync(file, { force: true });
  process.once("exit", release);
  try {
    return await work();
  } finally {
    process.removeListener("exit", release);
    release();
  }
}

async function acquire(file) {
  const deadline = Date.now() + WAIT_MS_MAX;
  for (let told = false; !take(file); told = true) {
    const holder = holderOf(file);
    if (holder !== undefined && !alive(holder)) {
      breakStale(file);
      continue;
    }
    if (!told) say(`set-up: waiting for another set-up (process ${holder ?? "unknown"}) ...`);
    if (Date.now() > deadline) {
      throw new SetupError(`set-up: process ${holder} has held ${file} for too long`, `end it, then remove ${file}`);
    }
    await sleep(LOOK_AGAIN_MS);
  }
}

/** A link is created whole or not at all, with its content: nobody ever reads a lock without a pid in it. */
function take(file) {
  const own = `${file}.${process.pid}`;
  writeFileSync(own, `${process.pid}\n`);
  try {
    linkSync(own, file);
    return true;
  } catch (error) {
    if (error.code !== "EEXIST") throw error;
    return false;
  } finally {
    rmSync(own, { force: true });
  }
}

/** Moves a dead lock away. If a live set-up took it in between, its lock is put back. */
function breakStale(file) {
  const aside = `${file}.stale.${process.pid}`;
  try {
    renameSync(file, aside);
  } catch (error) {
    if (error.code !== "ENOENT") throw error;
    return;
  }
  const holder = holderOf(aside);
  if (holder !== undefined && alive(holder)) linkSync(aside, file);
  rmSync(aside, { force: true });
}

function holderOf(file) {
  try {
    const pid = Number.parseInt(readFileSync(file, "utf8"), 10);
    return Number.isInteger(pid) ? pid : undefined;
  } catch (error) {
    if (error.code !== "ENOENT") throw error;
    return undefined;
  }
}

function alive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === "EPERM";
  }
}
