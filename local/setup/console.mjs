/** What stops a set-up: one line that says what happened and one that says what to do next. */
export class SetupError extends Error {
  /**
   * @param {string} message what happened
   * @param {string} next what to do about it
   */
  constructor(message, next) {
    super(message);
    this.name = "SetupError";
    this.next = next;
  }
}

/** Short progress lines on stderr, so that a script's own output on stdout stays clean. */
export function say(line) {
  process.stderr.write(`${line}\n`);
}
