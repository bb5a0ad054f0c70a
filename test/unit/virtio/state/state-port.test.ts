/** States that go by registers: both ends, and an end that lies. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  decodeState,
  encodeState,
  type PortAccess,
  SavedStateError,
  StateClient,
  StatePort,
  type Suspendable,
} from '#dist/src/virtio/state/index.js';

class Recorded implements Suspendable {
  readonly log: string[] = [];
  busyFor = 0;
  state: unknown = { bytes: Uint8Array.of(1, 2, 3), words: 'häh' };
  suspend(): void {
    this.log.push('suspend');
  }
  get quiet(): boolean {
    return this.busyFor-- <= 0;
  }
  save(): unknown {
    if (this.state === null) throw new SavedStateError('it', 'there is none');
    return this.state;
  }
  restore(state: unknown): void {
    if (state === 'wrong') throw new SavedStateError('it', 'it is wrong');
    this.state = state;
  }
  resume(): void {
    this.log.push('resume');
  }
}

function connected(target = new Recorded()) {
  const port = new StatePort(target);
  const access: PortAccess = {
    read: (offset) => port.read(offset, 4) >>> 0,
    write: (offset, value) => port.write(offset, 4, value),
  };
  return { target, port, client: new StateClient(access, 'a device') };
}

const refused = expect.objectContaining({ code: 'ERR_IOREGION_REMOTE_STATE' });

describe('a state behind registers', () => {
  test('is saved once its device is quiet, and restored behind another port', () => {
    const { target, client } = connected();
    target.busyFor = 2;
    client.suspend();
    client.waitQuiet();
    const bytes = client.save();
    expect(decodeState(bytes)).toEqual(target.state);
    client.resume();
    expect(target.log).toEqual(['suspend', 'resume']);
    const other = connected();
    other.client.restore(bytes);
    expect(other.target.state).toEqual(target.state);
  });

  test('that cannot be saved or restored comes with why', () => {
    const { target, client } = connected();
    expect(() => client.restore(encodeState('wrong'))).toThrow(/it is wrong \(ERR_IOREGION_SAVED_STATE\)/);
    expect(() => client.restore(Uint8Array.of(0xff))).toThrow(refused);
    target.state = null;
    expect(() => client.save()).toThrow('there is none');
    target.state = 1;
    expect(decodeState(client.save())).toBe(1);
  });

  test('of a device that is never quiet is given up', () => {
    const { target, client } = connected();
    target.busyFor = Number.POSITIVE_INFINITY;
    client.suspend();
    expect(() => client.waitQuiet(5)).toThrow('not quiet');
  });

  test('takes no room for a length that nobody means', () => {
    const { port } = connected();
    port.write(0x0c, 4, 0xffff_ffff);
    expect(port.read(0x0c, 4)).toBe(2 ** 20);
    expect([port.read(0x0c, 2), port.read(0x1c, 4)]).toEqual([-1, -1]);
  });
});

test('a port that says anything is a coded error, or data to be checked', () => {
  const property = fc.property(fc.array(fc.nat(0xffff_ffff)), fc.boolean(), (answers, knowsMagic) => {
    let next = 0;
    const read = (offset: number) => (offset === 0 && knowsMagic ? 0x5453_4f49 : (answers[next++] ?? 0xffff_ffff));
    const client = new StateClient({ read, write: () => {} }, 'a liar');
    for (const step of [() => client.suspend(), () => client.save(), () => client.resume()]) {
      try {
        step();
      } catch (error) {
        expect(error).toEqual(refused);
      }
    }
  });
  fc.assert(property);
});
