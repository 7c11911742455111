/** White space, and what Unicode calls default ignorable: joiners, marks of direction and the like. */
const INVISIBLE = /^[\s\p{Default_Ignorable_Code_Point}]*$/u;

/**
 * What is wrong with a text that people are to read, as the end of a sentence that begins with its name; undefined
 * where nothing is. Lengths are counted in characters, that is, Unicode code points.
 */
export function textFault(text: string, longest: number): string | undefined {
  if (!text.isWellFormed()) return "holds half a surrogate pair, which is no character";
  if (text.includes("\0")) return "holds a NUL character";
  if (INVISIBLE.test(text)) return "has nothing in it that could be seen";
  if (isLongerThan(text, longest)) return `is longer than ${longest.toLocaleString("en")} characters`;
  return undefined;
}

/** Whether `text` has more than `longest` code points, in time that `longest` bounds. */
export function isLongerThan(text: string, longest: number): boolean {
  if (text.length <= longest) return false;
  return text.length > 2 * longest || Array.from(text).length > longest;
}
