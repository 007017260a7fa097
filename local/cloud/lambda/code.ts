import { createHash } from "node:crypto";
import { mkdir, rename, rm, stat, writeFile } from "node:fs/promises";
import { dirname, join, normalize, sep } from "node:path";
import { unzipSync } from "fflate";
import { CloudError } from "../errors.ts";
import { invalid, type CodePackage } from "./function.ts";

/** AWS's limits of a deployment package: zipped in the request, and unpacked. */
const ZIP_BYTES_MAX = 50 * 1024 * 1024;
const UNPACKED_BYTES_MAX = 250 * 1024 * 1024;

/** A package whose code is in `folder` without being unpacked. */
export const described = (zip: Uint8Array, folder: string, location: string): CodePackage => ({
  folder,
  sha256: createHash("sha256").update(zip).digest("base64"),
  bytes: zip.length,
  location,
});

/**
 * Unpacks a deployment package below `folder`, in a place named by its content, so that the same code is unpacked once.
 * It appears whole or not at all: a start that was killed leaves nothing that a later one would trust.
 */
export async function unpack(
  zip: Uint8Array,
  folder: string,
  functionName: string,
  scratch: string,
  location: string,
): Promise<CodePackage> {
  const sha256 = createHash("sha256").update(zip).digest();
  const place = join(folder, functionName, sha256.toString("hex").slice(0, 32));
  const code: CodePackage = { folder: place, sha256: sha256.toString("base64"), bytes: zip.length, location };
  if (await exists(place)) return code;
  const files = filesOf(zip);
  const draft = `${place}.${scratch}`;
  await rm(draft, { recursive: true, force: true });
  // The boundary of the package: a .js file in it is CommonJS unless the package itself says otherwise.
  await mkdir(draft, { recursive: true });
  await writeFile(join(folder, "package.json"), "{}\n");
  for (const [path, bytes] of files) {
    await mkdir(dirname(join(draft, path)), { recursive: true });
    await writeFile(join(draft, path), bytes);
  }
  try {
    await rename(draft, place);
  } catch (error) {
    // Another call unpacked the same package meanwhile; anything else is a real failure.
    await rm(draft, { recursive: true, force: true });
    if (!(await exists(place))) throw error;
  }
  return code;
}

function filesOf(zip: Uint8Array): [string, Uint8Array][] {
  if (zip.length > ZIP_BYTES_MAX)
    throw new CloudError(
      "RequestTooLargeException",
      `the package has ${zip.length} bytes, at most ${ZIP_BYTES_MAX} are allowed`,
      413,
    );
  let unpackedBytes = 0;
  try {
    const files = unzipSync(zip, {
      filter(entry) {
        unpackedBytes += entry.originalSize;
        if (unpackedBytes > UNPACKED_BYTES_MAX)
          throw invalid(`Unzipped size must be smaller than ${UNPACKED_BYTES_MAX} bytes`);
        return !entry.name.endsWith("/");
      },
    });
    return Object.entries(files).map(([name, bytes]) => [insidePath(name), bytes]);
  } catch (error) {
    if (error instanceof CloudError) throw error;
    throw invalid("Could not unzip uploaded file. Please check your file, then try to upload again.");
  }
}

function insidePath(name: string): string {
  const path = normalize(name);
  if (path.startsWith("..") || path.startsWith(sep))
    throw invalid(`the package has an entry outside of itself: ${name}`);
  return path;
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
