/** The scripts in common use (UAX #31, table 5) by ISO 15924 code. All other scripts count as one. */
const SCRIPTS =
  "Arab Armn Beng Bopo Cyrl Deva Ethi Geor Grek Gujr Guru Hang Hani Hebr Hira Kana Khmr Knda Laoo Latn Mlym Mymr Orya Sinh Taml Telu Thaa Thai Tibt".split(
    " ",
  );

/** The scripts that Japanese, Korean and Chinese combine (UTS #39, 5.2). */
const COMBINED_SCRIPTS = [
  ["Latn", "Hani", "Hira", "Kana"],
  ["Latn", "Hani", "Hang"],
  ["Latn", "Hani", "Bopo"],
];

/** Matches digits and marks that belong to no script. */
const COMMON = String.raw`\p{scx=Zyyy}\p{scx=Zinh}`;

const charactersOf = (scripts: readonly string[]) =>
  scripts.map((script) => String.raw`\p{scx=${script}}`).join("");

const patterns = [
  ...[...SCRIPTS.map((script) => [script]), ...COMBINED_SCRIPTS].map(
    (scripts) => `[${charactersOf(scripts)}${COMMON}]`,
  ),
  `(?:[${COMMON}]|[^${charactersOf(SCRIPTS)}])`,
].map((character) => new RegExp(`^${character}*$`, "u"));

/**
 * Whether all letters are of one script, or of scripts that one language combines. Mixed scripts allow look-alikes: the а of
 * аna is Cyrillic.
 */
export function isSingleScript(text: string): boolean {
  return patterns.some((pattern) => pattern.test(text));
}
