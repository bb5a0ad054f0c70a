/** The functions of the hot paths take their arguments from areas that scripts can write: no word of them may do harm. */
import fc from 'fast-check';
import { AccessOutcome, AreaWord, native, socketpair } from 'ioregion/native';
import { describe, expect, test } from 'vitest';

const BATCH = 64;
/** Words behind 64 commands and 64 responses of 32 bytes. */
const RESPONSES = (2 * BATCH * 32) / 4;
const RESULT = RESPONSES + 1;
const NOTHING = -4;
const STOPPED = -1;

function openServer() {
  const [ours, theirs] = socketpair('seqpacket');
  const server = native.serverOpen(ours.number, ours.number, null, 0);
  const words = new Int32Array(native.serverArea(server));
  const exchange = native.exchangeFunction(server, false);
  return { server, words, exchange, close: () => [native.serverRelease(server), ours.close(), theirs.close()] };
}

describe('an exchange', () => {
  test('of more responses than there are is refused, and the next one works', () => {
    const { words, exchange, close } = openServer();
    fc.assert(
      fc.property(fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }), (count) => {
        fc.pre(count < 0 || count > BATCH);
        words[RESPONSES] = count;
        expect(exchange).toThrow(RangeError);
      }),
    );
    words[RESPONSES] = 0;
    exchange();
    expect(words[RESULT]).toBe(NOTHING);
    close();
  });

  test('says that its server was released', () => {
    const { words, exchange, close } = openServer();
    close();
    exchange();
    expect(words[RESULT]).toBe(STOPPED);
  });
});

describe('an access', () => {
  test('described by any words ends with an outcome, or is refused for its size', () => {
    const dispatcher = native.dispatcherCreate();
    const caller = native.callerCreate(dispatcher);
    const words = new Uint32Array(native.callerArea(caller));
    const access = native.accessFunction(caller);
    fc.assert(
      fc.property(fc.uint32Array({ minLength: 6, maxLength: 8 }), fc.integer({ min: 0, max: 9 }), (any, size) => {
        words.set(any);
        words[AreaWord.size] = size;
        if (size < 1 || size > 8) expect(access).toThrow(RangeError);
        else {
          access();
          expect(words[AreaWord.outcome]).toBe(AccessOutcome.unhandled);
        }
      }),
    );
    native.callerRelease(caller);
    words[AreaWord.size] = 4;
    expect(access).toThrow(TypeError);
    native.dispatcherRelease(dispatcher);
  });
});
