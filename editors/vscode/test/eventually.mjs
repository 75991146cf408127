/** For whatever is waited for. Generous, for machines that do other work too: nothing waits longer than it has to. */
export const PATIENCE_MS = 60_000;

/** Waits until `look` gives something true; fails with what it gave last. */
export async function eventually(look, { timeout = PATIENCE_MS, what = String(look) } = {}) {
  const end = Date.now() + timeout;
  let last;
  while (Date.now() < end) {
    last = await look();
    if (last) {
      return last;
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`not within ${timeout} ms: ${what}; last: ${JSON.stringify(last)}`);
}
