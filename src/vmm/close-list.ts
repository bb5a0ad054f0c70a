/** What must happen when a machine is switched off. */

/** In the opposite order. */
export type CloseList = (() => Promise<void>)[];

/** Last in, first out; where something fails, the rest is closed all the same. */
export async function closeAll(closing: CloseList): Promise<void> {
  const failures: unknown[] = [];
  for (const close of closing.splice(0).reverse()) await close().catch((error: unknown) => failures.push(error));
  if (failures.length > 0) throw failures[0];
}
