import { appendFileSync, mkdirSync, renameSync, statSync } from "node:fs";
import { dirname } from "node:path";

/** One call to the embedded cloud. Of the input it holds nothing but the ARN of the resource. */
export interface CallRecord {
  /** ISO-8601 UTC. */
  readonly at: string;
  /** ARN of the caller, or the access key of an unknown one. */
  readonly principal: string;
  readonly service: string;
  readonly operation: string;
  readonly resource: string;
  /** What the caller's policies said. `unenforced`: nobody asked them, because the request was refused before. */
  readonly decision: "allowed" | "denied" | "unenforced";
  readonly status: number;
  /** Code of the error that was answered. */
  readonly error?: string;
}

/** The file then moves to `<file>.1`, so that a farm that runs for weeks does not fill the disk. */
const FILE_BYTES_MAX = 64 * 1024 * 1024;

/** Gives the `record` of an endpoint: appends each call as one JSON line to `file`, whose folder is made if missing. */
export function callLog(file: string): (line: CallRecord) => void {
  mkdirSync(dirname(file), { recursive: true });
  let bytes = statSync(file, { throwIfNoEntry: false })?.size ?? 0;
  return (line) => {
    const text = `${JSON.stringify(line)}\n`;
    if (bytes + text.length > FILE_BYTES_MAX) {
      renameSync(file, `${file}.1`);
      bytes = 0;
    }
    // written at once: the last calls before a crash are the ones that matter
    appendFileSync(file, text);
    bytes += text.length;
  };
}
