import { templateError } from "./engine/template.ts";

/** `https://s3.amazonaws.com/<bucket>/<key>`, the regional forms of it, and the bucket as a part of the host name. */
const PATH_STYLE = /^s3[.-](?:[a-z0-9-]+\.)?amazonaws\.com(?:\.cn)?$/;
const HOST_STYLE = /^([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])\.s3[.-](?:[a-z0-9-]+\.)?amazonaws\.com$/;

/** Bucket and key of a template's public S3 address. Throws `ValidationError` for any other address. */
export function templateLocation(url: string): { readonly bucket: string; readonly key: string } {
  const refuse = (): never => {
    throw templateError(`TemplateURL must reference a valid S3 object to which you have access: ${url}`);
  };
  const address = URL.canParse(url) ? new URL(url) : refuse();
  const path = decodeURIComponent(address.pathname).replace(/^\//, "");
  const hostBucket = HOST_STYLE.exec(address.hostname)?.[1];
  if (hostBucket !== undefined && !PATH_STYLE.test(address.hostname))
    return path === "" ? refuse() : { bucket: hostBucket, key: path };
  const slash = path.indexOf("/");
  if (!PATH_STYLE.test(address.hostname) || slash < 1 || slash === path.length - 1) return refuse();
  return { bucket: path.slice(0, slash), key: path.slice(slash + 1) };
}

/** Gives `readTemplate`: reads a template from the cloud's own S3 by the public address that it would have. */
export const templateReader =
  (readObject: (bucket: string, key: string) => Promise<Uint8Array>) =>
  async (url: string): Promise<string> => {
    const { bucket, key } = templateLocation(url);
    return Buffer.from(await readObject(bucket, key)).toString("utf8");
  };
