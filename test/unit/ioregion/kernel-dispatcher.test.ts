/** The kernel dispatcher against a VM that records what it was asked for, and refuses what it is told to. */
import { type IoregionVm, KernelDispatcher, type RegionOptions, splitAround } from 'ioregion/ioregion';
import { KvmIoctlError } from 'ioregion/kvm';
import { socketpair } from 'ioregion/native';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';

type KernelIoregion = Parameters<IoregionVm['setIoregion']>[0];
type Assigned = IoregionVm['ioeventfds']['assigned'];

const [near, far] = socketpair('seqpacket');
afterAll(() => {
  near.close();
  far.close();
});

/** What KVM_SET_IOREGION would keep. */
class RecorderVm implements IoregionVm {
  readonly regions: KernelIoregion[] = [];
  readonly calls: string[] = [];
  assigned: Assigned = [];
  /** Called before each addition. */
  refuse: (region: KernelIoregion) => string | null = () => null;

  get ioeventfds(): IoregionVm['ioeventfds'] {
    return { assigned: this.assigned };
  }

  setIoregion(region: KernelIoregion): void {
    this.calls.push(`add ${region.address}+${region.size}`);
    const errno = this.refuse(region);
    if (errno !== null) throw ioctlError(errno);
    this.regions.push(region);
  }

  removeIoregion(region: Pick<KernelIoregion, 'space' | 'address' | 'size'>): void {
    this.calls.push(`remove ${region.address}+${region.size}`);
    const at = this.regions.findIndex(
      ({ space, address, size }) => space === region.space && address === region.address && size === region.size,
    );
    if (at < 0) throw ioctlError('ENOENT');
    this.regions.splice(at, 1);
  }

  get ranges(): [bigint, bigint][] {
    return this.regions.map(({ address, size }) => [BigInt(address), BigInt(size)]);
  }
}

function ioctlError(errnoName: string): KvmIoctlError {
  return new KvmIoctlError('KVM_SET_IOREGION', errnoName, 1);
}

const PAGE: RegionOptions = { space: 'mmio', gpa: 0x1000, size: 0x1000, readFd: near, writeFd: near };

describe('KernelDispatcher', () => {
  let vm: RecorderVm;
  let dispatcher: KernelDispatcher;
  beforeEach(() => {
    vm = new RecorderVm();
    dispatcher = new KernelDispatcher(vm);
  });

  it('registers a range without ioeventfds as it is, under its own user data', () => {
    const region = dispatcher.addRegion({ ...PAGE, userData: 7, postedWrites: true });
    expect(vm.regions).toEqual([
      {
        space: 'mmio',
        address: 0x1000n,
        size: 0x1000n,
        userData: 7n,
        readFd: { number: near.number },
        writeFd: { number: near.number },
        postedWrites: true,
      },
    ]);
    expect(region.routes).toEqual([{ userData: 7n, base: 0 }]);
    expect(region.stats()).toBeNull();
  });

  it('registers a sizeless region as it is, also beside ioeventfds', () => {
    vm.assigned = [{ space: 'mmio', address: 0x1000, length: 4 }];
    dispatcher.addRegion({ ...PAGE, size: 0, postedWrites: true, userData: 3 });
    expect(vm.ranges).toEqual([[0x1000n, 0n]]);
  });

  it('splits a range around ioeventfds, each piece with user data of its own and its place in the region', () => {
    vm.assigned = [
      { space: 'mmio', address: 0x1800, length: 4 },
      { space: 'mmio', address: 0x1100n, length: 0 },
      { space: 'pio', address: 0x1400, length: 4 },
      { space: 'mmio', address: 0x3000, length: 4 },
    ];
    const region = dispatcher.addRegion({ ...PAGE, userData: 7 });
    expect(vm.ranges).toEqual([
      [0x1000n, 0x100n],
      [0x1108n, 0x6f8n],
      [0x1804n, 0x7fcn],
    ]);
    expect(region.routes.map(({ base }) => base)).toEqual([0, 0x108, 0x804]);
    const names = region.routes.map(({ userData }) => userData);
    expect(new Set(names).size).toBe(3);
    expect(vm.regions.map(({ userData }) => userData)).toEqual(names);
  });

  it('gives the pieces of two regions different user data', () => {
    vm.assigned = [
      { space: 'mmio', address: 0x1800, length: 4 },
      { space: 'mmio', address: 0x2800, length: 4 },
    ];
    const routes = [PAGE, { ...PAGE, gpa: 0x2000 }].flatMap((options) => dispatcher.addRegion(options).routes);
    expect(new Set(routes.map(({ userData }) => userData)).size).toBe(4);
  });

  it('refuses a range that ioeventfds cover whole', () => {
    vm.assigned = [{ space: 'mmio', address: 0x1000, length: 8 }];
    expect(() => dispatcher.addRegion({ ...PAGE, size: 8 })).toThrow(
      expect.objectContaining({ code: 'ERR_IOREGION_REGION_EXISTS' }),
    );
    expect(vm.calls).toEqual([]);
  });

  it('takes back the pieces before one that is refused, and leaves no trace', () => {
    vm.assigned = [{ space: 'mmio', address: 0x1800, length: 4 }];
    vm.refuse = ({ address }) => (address === 0x1804n ? 'ENOSPC' : null);
    expect(() => dispatcher.addRegion(PAGE)).toThrow(expect.objectContaining({ code: 'ERR_IOREGION_REGION_LIMIT' }));
    expect(vm.regions).toEqual([]);
    dispatcher.close();
    expect(vm.calls).toEqual(['add 4096+2048', 'add 6148+2044', 'remove 4096+2048']);
  });

  it('reports the refusal and not that taking back failed as well', () => {
    vm.assigned = [
      { space: 'mmio', address: 0x1400, length: 4 },
      { space: 'mmio', address: 0x1800, length: 4 },
    ];
    vm.refuse = ({ address }) => {
      if (address !== 0x1804n) return null;
      vm.regions.splice(0, 1); /* somebody else removed the first piece */
      return 'EEXIST';
    };
    expect(() => dispatcher.addRegion(PAGE)).toThrow(expect.objectContaining({ code: 'ERR_IOREGION_REGION_EXISTS' }));
    expect(vm.regions).toEqual([]);
  });

  it.each([
    ['EINVAL', 'ERR_IOREGION_REGION_INVALID'],
    ['EBADF', 'ERR_IOREGION_REGION_BAD_FD'],
    ['EEXIST', 'ERR_IOREGION_REGION_EXISTS'],
    ['ENOSPC', 'ERR_IOREGION_REGION_LIMIT'],
    ['ENOTTY', 'ERR_IOREGION_DISPATCHER_SYSTEM'],
    ['ENOMEM', 'ERR_IOREGION_DISPATCHER_SYSTEM'],
  ])('tells %s of the kernel as %s', (errnoName, code) => {
    vm.refuse = () => errnoName;
    expect(() => dispatcher.addRegion(PAGE)).toThrow(expect.objectContaining({ code, errnoName }));
  });

  it('removes every piece, once, and goes on where the kernel has lost one', () => {
    vm.assigned = [{ space: 'mmio', address: 0x1800, length: 4 }];
    const region = dispatcher.addRegion(PAGE);
    vm.regions.splice(0, 1);
    expect(() => region.remove()).toThrow(expect.objectContaining({ code: 'ERR_IOREGION_REGION_NOT_FOUND' }));
    expect(vm.regions).toEqual([]);
    region.remove();
    expect(vm.calls.filter((call) => call.startsWith('remove'))).toHaveLength(2);
  });

  it('removes all its regions when closed, also after one that the kernel has lost, and takes no more', () => {
    dispatcher.addRegion(PAGE);
    dispatcher.addRegion({ ...PAGE, space: 'pio' });
    vm.regions.splice(0, 1);
    expect(() => dispatcher.close()).toThrow(expect.objectContaining({ code: 'ERR_IOREGION_REGION_NOT_FOUND' }));
    expect(vm.regions).toEqual([]);
    dispatcher.close();
    expect(() => dispatcher.addRegion(PAGE)).toThrow(
      expect.objectContaining({ code: 'ERR_IOREGION_DISPATCHER_CLOSED' }),
    );
  });

  it('refuses numbers that no u64 holds before it asks the kernel', () => {
    expect(() => dispatcher.addRegion({ ...PAGE, gpa: -1 })).toThrow(
      expect.objectContaining({ code: 'ERR_IOREGION_REGION_INVALID' }),
    );
    expect(vm.calls).toEqual([]);
  });
});

describe('splitAround', () => {
  const range = (start: number, end: number) => ({ start: BigInt(start), end: BigInt(end) });

  it.each([
    { holes: [], left: [range(16, 32)] },
    { holes: [range(0, 16), range(32, 40)], left: [range(16, 32)] },
    { holes: [range(16, 20)], left: [range(20, 32)] },
    { holes: [range(28, 32)], left: [range(16, 28)] },
    { holes: [range(8, 20), range(30, 40)], left: [range(20, 30)] },
    { holes: [range(24, 25), range(20, 24)], left: [range(16, 20), range(25, 32)] },
    { holes: [range(20, 28), range(22, 24)], left: [range(16, 20), range(28, 32)] },
    { holes: [range(20, 21), range(20, 28)], left: [range(16, 20), range(28, 32)] },
    { holes: [range(0, 64)], left: [] },
  ])('leaves $left of 16 to 32 around $holes', ({ holes, left }) => {
    expect(splitAround(range(16, 32), holes)).toEqual(left);
  });
});
