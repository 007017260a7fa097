/** Requests of each minute, as a site had them, without a gap. */
export interface Trace {
  readonly name: string;
  /** Start of the first minute, ms since the epoch. */
  readonly startsAt: number;
  readonly requests: readonly number[];
}

export const MINUTE_MS = 60_000;
export const SLICE_MS = 10_000;
export const SLICES = MINUTE_MS / SLICE_MS;

/** Ten years of minutes; a longer file is a mistake. */
const MINUTES_MAX = 5_256_000;

/**
 * The trace in a CSV file with the columns `minute` (ISO-8601) and `requests`. A minute that is missing had no request.
 * @throws Error that names the line
 */
export function parseTrace(name: string, csv: string): Trace {
  const [head = "", ...lines] = csv.split(/\r?\n/);
  const columns = head.split(",").map((column) => column.trim());
  const [minuteAt, requestsAt] = [columns.indexOf("minute"), columns.indexOf("requests")];
  if (minuteAt < 0 || requestsAt < 0)
    throw new Error(`${name}: the first line must name the columns minute and requests`);
  const requests: number[] = [];
  let startsAt: number | undefined;
  lines.forEach((line, index) => {
    if (line.trim() === "") return;
    const fields = line.split(",");
    const at = Date.parse(fields[minuteAt] ?? "");
    const count = Number(fields[requestsAt] ?? Number.NaN);
    const where = `${name}, line ${index + 2}`;
    if (Number.isNaN(at)) throw new Error(`${where}: ${fields[minuteAt]} is no time`);
    if (!(count >= 0 && Number.isFinite(count)))
      throw new Error(`${where}: ${fields[requestsAt]} is no number of requests`);
    startsAt ??= at;
    const minute = Math.round((at - startsAt) / MINUTE_MS);
    if (minute < requests.length || minute > MINUTES_MAX) throw new Error(`${where}: minutes must ascend`);
    while (requests.length < minute) requests.push(0);
    requests.push(count);
  });
  if (startsAt === undefined) throw new Error(`${name}: no minute in it`);
  return { name, startsAt, requests };
}

export const peakOf = (trace: Trace): number => trace.requests.reduce((a, b) => Math.max(a, b), 0);

/**
 * Requests of each ten seconds. A minute keeps its sum, and within it the rate runs along a line whose slope is the
 * lesser of those to both neighbours, none at a peak or in a valley (van Leer's monotonized reconstruction, with the
 * minmod limiter): no slice is beyond the minutes around it, so neither a request nor a peak is invented.
 */
export function slicesOf({ requests }: Trace): Float64Array {
  const slices = new Float64Array(requests.length * SLICES);
  requests.forEach((count, minute) => {
    const slope = minmod(count - (requests[minute - 1] ?? count), (requests[minute + 1] ?? count) - count);
    for (let slice = 0; slice < SLICES; slice++)
      slices[minute * SLICES + slice] = (count + slope * ((slice + 0.5) / SLICES - 0.5)) / SLICES;
  });
  return slices;
}

const minmod = (a: number, b: number): number => (a * b <= 0 ? 0 : Math.sign(a) * Math.min(Math.abs(a), Math.abs(b)));
