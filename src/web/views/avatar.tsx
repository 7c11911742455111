const HUES = 12;

/** The first letters of a name in a colour that an id gives, or in grey. It only repeats the name beside it. */
export function Avatar(props: {
  readonly id?: string | number;
  readonly name: string;
  readonly isGroup?: boolean;
  readonly size?: "small" | "large";
}) {
  const shape = props.isGroup ? "square" : "round";
  const hue = props.id === undefined ? "" : `hue-${hueOf(`${props.id}`)}`;
  return (
    <span class={`avatar ${hue} ${shape} ${props.size ?? ""}`} aria-hidden="true">
      {initialsOf(props.name)}
    </span>
  );
}

/** The class that gives a name the colour of its avatar. */
export function hueOf(id: string): number {
  let hash = 0;
  for (const character of id) hash = (hash * 31 + character.codePointAt(0)!) >>> 0;
  return hash % HUES;
}

/** The first letters of the first and the last word, without marks. */
function initialsOf(name: string): string {
  const initials = [...name.matchAll(/(?<![\p{L}\p{N}\p{M}])[\p{L}\p{N}]/gu)].map(([initial]) => initial);
  const shown = initials.length > 1 ? `${initials[0]}${initials.at(-1)}` : (initials[0] ?? "?");
  return shown.toLocaleUpperCase();
}
