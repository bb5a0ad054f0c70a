/** Lines for whoever runs the server, on standard error: standard output may be a guest's console. */

export function log(message: string): void {
  process.stderr.write(`ioregion: ${message}\n`);
}
