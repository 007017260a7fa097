/** One try to write on a server, in ms of one clock. */
export interface Attempt {
  readonly sentAt: number;
  readonly endedAt: number;
  readonly outcome: "accepted" | "refused" | "unreachable" | "unknown";
}

export interface Span {
  readonly from: number;
  readonly to: number;
}

/**
 * When a server was certainly open: from the answer to an accepted write until the sending of the last one accepted after
 * it, with no other outcome between. The time in which one write waited says nothing of when the server was open.
 */
export function openSpans(attempts: readonly Attempt[]): readonly Span[] {
  const spans: Span[] = [];
  let run: { from: number; to: number } | undefined;
  const close = (): void => {
    if (run !== undefined && run.to > run.from) spans.push(run);
    run = undefined;
  };
  for (const { sentAt, endedAt, outcome } of attempts) {
    if (outcome !== "accepted") close();
    else if (run === undefined) run = { from: endedAt, to: endedAt };
    else run.to = sentAt;
  }
  close();
  return spans;
}

/**
 * When two servers were certainly open at a time: their spans overlap, or one accepted a write whose whole life is in a
 * span of the other.
 */
export function openTogether(a: readonly Attempt[], b: readonly Attempt[]): readonly Span[] {
  const [spansA, spansB] = [openSpans(a), openSpans(b)];
  return [...overlaps(spansA, spansB), ...inside(a, spansB), ...inside(b, spansA)].toSorted((x, y) => x.from - y.from);
}

const inside = (attempts: readonly Attempt[], spans: readonly Span[]): readonly Span[] =>
  attempts
    .filter(({ outcome }) => outcome === "accepted")
    .filter(({ sentAt, endedAt }) => spans.some(({ from, to }) => from <= sentAt && endedAt <= to))
    .map(({ sentAt, endedAt }) => ({ from: sentAt, to: endedAt }));

/** Samples further apart do not tell when between them a transaction was committed. */
const SAMPLES_APART_MS_MAX = 200;

/** When the number of a server's own transactions grew: between the samples before and after. */
export function growthSpans(samples: readonly { readonly at: number; readonly count: number }[]): readonly Span[] {
  return samples.flatMap((sample, index) => {
    const before = samples[index - 1];
    if (before === undefined || sample.count <= before.count) return [];
    return sample.at - before.at > SAMPLES_APART_MS_MAX ? [] : [{ from: before.at, to: sample.at }];
  });
}

/** Times that are in a span of both. */
export const overlaps = (a: readonly Span[], b: readonly Span[]): readonly Span[] =>
  a.flatMap((one) =>
    b.flatMap((other) => {
      const span = { from: Math.max(one.from, other.from), to: Math.min(one.to, other.to) };
      return span.from < span.to ? [span] : [];
    }),
  );
