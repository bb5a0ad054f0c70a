/** The environment of a device process that runs our own code. */

/**
 * Of this process, but for NODE_EXTRA_CA_CERTS: Node 20 parses the certificates it names at each start (some 65 ms), and a
 * device that speaks no TLS needs none.
 */
export function deviceProcessEnvironment(): NodeJS.ProcessEnv {
  const { NODE_EXTRA_CA_CERTS: _, ...environment } = process.env;
  return environment;
}
