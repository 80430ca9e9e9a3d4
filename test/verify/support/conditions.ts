/** Generous, because a busy machine takes its time; nothing waits for it when all is well. */
export const PATIENCE_MS = 90_000;
const LOOK_MS = 25;

/** Waits until the condition holds. @throws Error naming it when it does not come about */
export async function until(
  condition: () => boolean | Promise<boolean>,
  what: string,
  patienceMs = PATIENCE_MS,
): Promise<void> {
  const end = Date.now() + patienceMs;
  while (!(await condition())) {
    if (Date.now() > end) throw new Error(`Not so within ${patienceMs} ms: ${what}`);
    await new Promise((wake) => setTimeout(wake, LOOK_MS));
  }
}
