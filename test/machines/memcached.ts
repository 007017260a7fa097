import { connect } from "node:net";

const PORT = 11_211;

/**
 * Sends commands of Memcached's text protocol; resolves to what came until the words that end the last reply. Rejects when
 * the connection breaks, or is silent for 5 s.
 */
export function ask(address: string, commands: string, end: RegExp = /\r\n$/): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: address, port: PORT, timeout: 5_000 }, () => socket.write(`${commands}\r\n`));
    let text = "";
    socket.setEncoding("utf8");
    socket.on("data", (chunk: string) => {
      text += chunk;
      if (!end.test(text)) return;
      socket.destroy();
      resolve(text);
    });
    socket.once("timeout", () => socket.destroy(new Error("silent")));
    socket.once("error", reject);
    socket.once("close", () => reject(new Error(`closed after '${text}'`)));
  });
}
