import assert from "node:assert/strict";

/** From opening the first Python file to the first squiggle, the extension's and the server's start included. */
export const FIRST_DIAGNOSTICS_MS = 3_000;
/** As VS Code's extension host measures it. */
export const ACTIVATION_MS = 300;

/** What a figure may be multiplied by where other work runs too, as in CI. CODEFACTORY_FIGURES=strict: nothing. */
const NOISE = process.env.CODEFACTORY_FIGURES === "strict" ? 1 : 10;

/** Prints a figure, and fails where it is over its limit. */
export function within(context, what, ms, limit) {
  const said = `${what}: ${Math.round(ms)} ms, limit ${limit} ms × ${NOISE}`;
  context.diagnostic(said);
  assert.ok(ms <= limit * NOISE, said);
}
