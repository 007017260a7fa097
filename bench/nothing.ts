/** No client at all: what the process and the bootstrap cost before any of a function's own code. */
export const handler = async (): Promise<string> => "nothing";
