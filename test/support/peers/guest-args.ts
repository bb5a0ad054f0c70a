/** What a guest is told on its kernel's command line: init.sh makes variables of it. */

/** `parts` are the scripts it runs, without `.sh`; values of settings hold no spaces. */
export function guestArgs(parts: readonly string[], settings: Readonly<Record<string, string>>): string[] {
  const all = { parts: parts.join(','), ...settings };
  return Object.entries(all).map(([name, value]) => `test.${name}=${value}`);
}
