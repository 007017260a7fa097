/** `node unpack-awscli.mjs <target> <work>`: Debian's awscli, unpacked into the target folder by the set-up's own means. */
import { rmSync } from "node:fs";
import { closure, openArchive, unpack } from "../../local/setup/apt.mjs";

const [target = "", work = ""] = process.argv.slice(2);
try {
  const apt = await openArchive(work, "own");
  await unpack(apt, "awscli", await closure(apt, ["awscli"], false), target);
} finally {
  rmSync(work, { recursive: true, force: true });
}
