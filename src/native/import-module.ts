/** The one way to a module that is named at run time: bundled code (scripts/bundle.mjs) has our own modules in it instead. */
export async function importModule(url: string): Promise<Readonly<Record<string, unknown>>> {
  return (await import(url)) as Record<string, unknown>;
}
