/** Parts a reply into what it says and the code that was run, so that no code is shown twice. */

const OPENING = /(?:^|\n)[ \t]*(?:`{3,}|~{3,})[^\n]*\n?[ \t]*$/;
const CLOSING = /^\s*(?:`{3,}|~{3,})[ \t]*(?:\n|$)/;

/**
 * Parts a reply; code that is not found in it comes after it.
 *
 * @param {string} text
 * @param {string[]} codes The code blocks that were run, in order.
 * @returns {({say: string} | {code: number})[]}
 */
export function partsOfReply(text, codes) {
  /** @type {({say: string} | {code: number})[]} */
  const parts = [];
  let rest = text;
  codes.forEach((code, index) => {
    const bare = code.trim();
    const at = bare === "" ? -1 : rest.indexOf(bare);
    if (at >= 0) {
      say(parts, rest.slice(0, at).replace(OPENING, ""));
      rest = rest.slice(at + bare.length).replace(CLOSING, "");
    } else if (index === codes.length - 1 || rest.trim() === "") {
      say(parts, rest);
      rest = "";
    }
    parts.push({ code: index });
  });
  say(parts, rest);
  return parts;
}

/**
 * @param {({say: string} | {code: number})[]} parts
 * @param {string} text
 */
function say(parts, text) {
  const said = text.replace(/^\n+/, "").trimEnd();
  if (said !== "") parts.push({ say: said });
}
