/** ArrayBuffers over memory that belongs to the addon. */

/**
 * Makes the buffer refuse its own `transfer`, and returns it. Bytes moved to another ArrayBuffer could not be detached any
 * more, and Node would release them under it at the end of the Worker that made them.
 */
export function fixedInPlace(buffer: ArrayBuffer): ArrayBuffer {
  const refuse = {
    value: () => {
      throw new TypeError('an ArrayBuffer of native memory cannot be transferred: copy it, or map its file again');
    },
  };
  return Object.defineProperties(buffer, { transfer: refuse, transferToFixedLength: refuse });
}
