import type { Proposal } from "./protocol";

const LINE_END = /\r\n|\r|\n/;

export type Decision = "open" | "accepted" | "rejected";

/** Lines of a hunk on one side of the diff, `end` exclusive and equal to `start` where there are none. */
export interface Lines {
  readonly start: number;
  readonly end: number;
}

/** The text before with all hunks but the rejected ones: the right side of the diff. */
export function proposedText({ before, hunks }: Proposal, decisions: readonly Decision[]): string {
  const starts = [0];
  for (const match of before.matchAll(new RegExp(LINE_END, "g"))) {
    starts.push(match.index + match[0].length);
  }
  const offset = (line: number, character: number): number =>
    Math.min((starts[line] ?? before.length) + character, before.length);
  let at = 0;
  let text = "";
  for (const [index, { range, newText }] of hunks.entries()) {
    if (decisions[index] !== "rejected") {
      text += before.slice(at, offset(range.start.line, range.start.character)) + newText;
      at = offset(range.end.line, range.end.character);
    }
  }
  return text + before.slice(at);
}

/** Where each hunk is: on the right, or on the left, which holds the accepted ones only. */
export function placesOf({ hunks }: Proposal, decisions: readonly Decision[], side: "left" | "right"): Lines[] {
  let shift = 0;
  return hunks.map(({ range, newText }, index) => {
    const decision = decisions[index] ?? "open";
    const present = decision === "accepted" || (decision === "open" && side === "right");
    const removed = range.end.line - range.start.line;
    const added = newText.split(LINE_END).length - 1;
    const start = range.start.line + shift;
    const height = present ? added : removed;
    const partial = (present ? !newText.endsWith("\n") && newText !== "" : range.end.character > 0) ? 1 : 0;
    shift += present ? added - removed : 0;
    return { start, end: start + height + partial };
  });
}

/** The open hunk at a line, else the only one left. */
export function hunkAt(places: readonly Lines[], decisions: readonly Decision[], line: number): number | undefined {
  const open = places.flatMap((place, index) => (decisions[index] === "open" ? [{ ...place, index }] : []));
  const at = open.find(({ start, end }) => start <= line && line < Math.max(end, start + 1));
  return (at ?? (open.length === 1 ? open[0] : undefined))?.index;
}
