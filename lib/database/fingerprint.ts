/** FNV-1a: http://www.isthe.com/chongo/tech/comp/fnv/ */
const OFFSET = 2_166_136_261;
const PRIME = 16_777_619;

/**
 * A short mark of a text, so that what is proposed on other evidence has another id. It tells two situations apart and
 * guards against nobody.
 */
export function fingerprint(text: string): string {
  let hash = OFFSET;
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), PRIME) >>> 0;
  return hash.toString(36);
}
