/** Exit codes of the CLI: others script against them. */
export const exitDone = 0;
export const exitRefused = 1;
export const exitUsage = 2;

/** A reason to stop that the operator is told in one line. */
export class CliError extends Error {
  readonly exitCode: number;

  constructor(message: string, exitCode: number = exitRefused) {
    super(message);
    this.name = "CliError";
    this.exitCode = exitCode;
  }
}

// `tandem status | head` closes the pipe when it has seen enough: that is no failure.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(exitDone);
  throw error;
});

export const printLine = (line: string): void => void process.stdout.write(`${line}\n`);
export const printNote = (line: string): void => void process.stderr.write(`${line}\n`);
export const printJson = (value: unknown): void => printLine(JSON.stringify(value));

/** Columns as wide as their widest cell; the last one is not padded. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => (row[column] ?? "").length)));
  return rows
    .map((row) =>
      row
        .map((cell, column) => (column === row.length - 1 ? cell : cell.padEnd(widths[column] ?? 0)))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}
