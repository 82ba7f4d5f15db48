/** Tells the parts of Python code apart, well enough to colour them. */

const WORDS = new Set(
  ("False None True and as assert async await break class continue def del elif else except" +
    " finally for from global if import in is lambda match nonlocal not or pass raise return try" +
    " while with yield case").split(" "),
);
const GIVEN = new Set(
  "context query llm_query llm_query_batched FINAL FINAL_VAR SHOW_VARS limits".split(" "),
);
// A string that is not closed ends with its line, or with the code where it has three quotes
const TOKEN = new RegExp(
  [
    String.raw`(?<comment>#[^\n]*)`,
    String.raw`(?<string>\b[rRbBuUfFtT]{0,2}(?:"""(?:\\[\s\S]|(?!""")[^\\])*(?:"""|$)|` +
    String.raw`'''(?:\\[\s\S]|(?!''')[^\\])*(?:'''|$)|` +
    String.raw`"(?:\\[\s\S]|[^"\\\n])*"?|'(?:\\[\s\S]|[^'\\\n])*'?)|` +
    String.raw`"""(?:\\[\s\S]|(?!""")[^\\])*(?:"""|$)|'''(?:\\[\s\S]|(?!''')[^\\])*(?:'''|$)|` +
    String.raw`"(?:\\[\s\S]|[^"\\\n])*"?|'(?:\\[\s\S]|[^'\\\n])*'?)`,
    String.raw`(?<number>\b(?:0[xXoObB][\da-fA-F_]+|\d[\d_]*(?:\.[\d_]*)?(?:[eE][+-]?\d+)?j?))`,
    String.raw`(?<decorator>^[ \t]*@[\w.]+)`,
    String.raw`(?<name>[\p{L}_][\p{L}\p{N}_]*)`,
  ].join("|"),
  "gmu",
);

/**
 * Splits code into tokens; together they are the code.
 *
 * @param {string} code
 * @returns {{kind: string, text: string}[]} Kinds: comment, string, number, decorator, word,
 *   given (by the runtime), defined (a name after `def` or `class`), called, and "" for the rest.
 */
export function tokens(code) {
  /** @type {{kind: string, text: string}[]} */
  const found = [];
  let from = 0;
  let before = "";
  for (const match of code.matchAll(TOKEN)) {
    if (match.index > from) found.push({ kind: "", text: code.slice(from, match.index) });
    const [text] = match;
    const end = match.index + text.length;
    found.push({ kind: kindOf(match.groups ?? {}, text, before, code[end]), text });
    before = match.groups?.comment === undefined ? text : before;
    from = end;
  }
  if (from < code.length) found.push({ kind: "", text: code.slice(from) });
  return found;
}

/**
 * @param {Record<string, string | undefined>} groups
 * @param {string} text
 * @param {string} before
 * @param {string | undefined} next
 */
function kindOf(groups, text, before, next) {
  if (groups.name === undefined) {
    return Object.keys(groups).find((kind) => groups[kind] !== undefined) ?? "";
  }
  if (WORDS.has(text)) return "word";
  if (before === "def" || before === "class") return "defined";
  if (GIVEN.has(text)) return "given";
  return next === "(" ? "called" : "";
}
