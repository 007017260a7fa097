/** The part of an SDK client that a test needs to answer its calls. */
interface Answered {
  readonly middlewareStack: {
    add(
      middleware: (
        next: unknown,
        context: { commandName?: string },
      ) => (args: { input: object }) => Promise<{ output: never; response: unknown }>,
      options: { step: "initialize" },
    ): void;
  };
}

/** Answers by command name, e.g. `DescribeInstancesCommand`; what it throws is the SDK's error. */
export type Answers = Readonly<Record<string, (input: Readonly<Record<string, unknown>>) => object>>;

/** One call of a client: `[command name without "Command", input]`. */
export type Called = readonly [string, Readonly<Record<string, unknown>>];

/**
 * Makes an SDK client answer from a table, before anything is serialised or sent. What is not in it fails by name.
 * Every call is noted in `calls`.
 */
export function answering<Client>(client: Client & Answered, calls: Called[], answers: Answers): Client {
  client.middlewareStack.add(
    (_next, context) =>
      async ({ input }) => {
        const name = context.commandName ?? "";
        const given: Readonly<Record<string, unknown>> = { ...input };
        calls.push([name.replace(/Command$/, ""), given]);
        const answer = answers[name.replace(/Command$/, "")];
        if (answer === undefined) throw new Error(`the test has no answer to ${name}`);
        // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the SDK types the output per command, a table of answers cannot; a wrong one fails its test
        return { output: { $metadata: {}, ...answer(given) } as never, response: {} };
      },
    { step: "initialize" },
  );
  return client;
}

/** An error as the SDK throws it. */
export function sdkError(name: string, message: string): Error {
  const error = new Error(message);
  error.name = name;
  return error;
}
