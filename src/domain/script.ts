/** The scripts in common use (Unicode's UAX #31, table 5), by their ISO 15924 codes. All others count as one. */
const SCRIPTS =
  "Arab Armn Beng Bopo Cyrl Deva Ethi Geor Grek Gujr Guru Hang Hani Hebr Hira Kana Khmr Knda Laoo Latn Mlym Mymr Orya Sinh Taml Telu Thaa Thai Tibt".split(
    " ",
  );

/** Those that are written together: in Japanese, Korean and Chinese (Unicode's UTS #39, 5.2). */
const TOGETHER = [
  ["Latn", "Hani", "Hira", "Kana"],
  ["Latn", "Hani", "Hang"],
  ["Latn", "Hani", "Bopo"],
];

/** Digits and marks that belong to no script. */
const COMMON = String.raw`\p{scx=Zyyy}\p{scx=Zinh}`;

const charactersOf = (scripts: readonly string[]) =>
  scripts.map((script) => String.raw`\p{scx=${script}}`).join("");

const writings = [
  ...[...SCRIPTS.map((script) => [script]), ...TOGETHER].map(
    (scripts) => `[${charactersOf(scripts)}${COMMON}]`,
  ),
  `(?:[${COMMON}]|[^${charactersOf(SCRIPTS)}])`,
].map((character) => new RegExp(`^${character}*$`, "u"));

/**
 * Whether all of it is of one script, or of scripts that are written together. Where it is not, letters may be there for
 * their looks: the а of аna is Cyrillic.
 */
export function isSingleScript(text: string): boolean {
  return writings.some((writing) => writing.test(text));
}
