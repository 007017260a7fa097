import { CloudError } from "../../errors.ts";
import type { Ids } from "../../ids.ts";

/** Members of GetRandomPassword and of a template's GenerateSecretString. */
export interface PasswordRequest {
  readonly PasswordLength?: number | undefined;
  readonly ExcludeCharacters?: string | undefined;
  readonly ExcludeNumbers?: boolean | undefined;
  readonly ExcludePunctuation?: boolean | undefined;
  readonly ExcludeUppercase?: boolean | undefined;
  readonly ExcludeLowercase?: boolean | undefined;
  readonly IncludeSpace?: boolean | undefined;
  readonly RequireEachIncludedType?: boolean | undefined;
}

/** https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetRandomPassword.html */
const LENGTH_DEFAULT = 32;
const LENGTH_MAX = 4_096;
const PUNCTUATION = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~";

/** A number in [0, limit) without the bias of a plain remainder. */
function below(ids: Ids, limit: number): number {
  const space = 2 ** 32;
  for (;;) {
    const drawn = Number.parseInt(ids.hex(8), 16);
    if (drawn < space - (space % limit)) return drawn % limit;
  }
}

function alphabets(request: PasswordRequest): string[] {
  const kinds: [boolean, string][] = [
    [!request.ExcludeLowercase, "abcdefghijklmnopqrstuvwxyz"],
    [!request.ExcludeUppercase, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"],
    [!request.ExcludeNumbers, "0123456789"],
    [!request.ExcludePunctuation, PUNCTUATION],
    [request.IncludeSpace ?? false, " "],
  ];
  const excluded = new Set(request.ExcludeCharacters ?? "");
  return kinds
    .filter(([wanted]) => wanted)
    .map(([, letters]) =>
      Array.from(letters)
        .filter((letter) => !excluded.has(letter))
        .join(""),
    )
    .filter((letters) => letters !== "");
}

const draw = (ids: Ids, letters: string): string => letters.charAt(below(ids, letters.length));

/** Puts letters in random order (Fisher and Yates), so that the required ones do not stand first. */
function shuffle(ids: Ids, letters: string[]): string[] {
  const shuffled = [...letters];
  for (let last = shuffled.length - 1; last > 0; last--) {
    const other = below(ids, last + 1);
    [shuffled[last], shuffled[other]] = [shuffled[other] ?? "", shuffled[last] ?? ""];
  }
  return shuffled;
}

/** A password of the letters that the request allows. Throws InvalidParameterException for one that cannot be. */
export function randomPassword(ids: Ids, request: PasswordRequest): string {
  const length = request.PasswordLength ?? LENGTH_DEFAULT;
  const kinds = alphabets(request);
  const required = (request.RequireEachIncludedType ?? true) ? kinds : [];
  if (length < 1 || length > LENGTH_MAX)
    throw new CloudError("InvalidParameterException", `PasswordLength must be between 1 and ${LENGTH_MAX}: ${length}`);
  if (kinds.length === 0 || length < required.length)
    throw new CloudError(
      "InvalidParameterException",
      "The password length or the excluded characters leave no password.",
    );
  const all = kinds.join("");
  const letters = required.map((kind) => draw(ids, kind));
  while (letters.length < length) letters.push(draw(ids, all));
  return shuffle(ids, letters).join("");
}
