import { beforeEach, describe, expect, test } from 'vitest';
import {
  InterruptController,
  InterruptSource,
  InterruptState,
  KvmSink,
  type VmInterrupts,
} from '#dist/src/virtio/interrupt/index.js';

/** A VM that keeps what it was asked. */
class RecordedVm implements VmInterrupts {
  readonly prepared: string[] = [];
  readonly sent: string[] = [];
  readonly levels: [gsi: number, high: boolean][] = [];

  prepareMsi({ address, data }: Parameters<VmInterrupts['prepareMsi']>[0]): () => boolean {
    const text = `${address.toString(16)} ${data.toString(16)}`;
    this.prepared.push(text);
    return () => this.sent.push(text) > 0;
  }

  setLine(gsi: number, high: boolean): void {
    this.levels.push([gsi, high]);
  }
}

let vm: RecordedVm;
let controller: InterruptController;

beforeEach(() => {
  vm = new RecordedVm();
  const sink = new KvmSink({ interrupts: vm, vm: 7, pinGsi: 11 });
  controller = new InterruptController(new InterruptSource(InterruptState.create(2, 1), sink));
  controller.setQueueVector(0, 1);
});

describe('interrupts by ioctl', () => {
  test('a message is encoded once, and again when the driver has changed any part of it', () => {
    controller.setMode(true, false);
    controller.setVector(1, 'control', 0);
    const call = () => controller.source.callQueue(0);
    const changes = [
      () => {},
      () => controller.setVector(1, 'addressLow', 0xfee01000 | 0),
      () => controller.setVector(1, 'addressHigh', 1),
      () => controller.setVector(1, 'data', 0xffffffff | 0),
    ];
    for (const change of changes) {
      change();
      call();
      call();
    }
    expect(vm.prepared).toEqual(['0 0', 'fee01000 0', '1fee01000 0', '1fee01000 ffffffff']);
    expect(vm.sent).toEqual(vm.prepared.flatMap((text) => [text, text]));
  });

  test('the pin is a line', () => {
    controller.source.callQueue(0);
    controller.takeIsr();
    expect(vm.levels).toEqual([
      [11, true],
      [11, false],
    ]);
  });

  test('another thread is told the VM and the line', () => {
    expect(controller.source.share()?.sink).toEqual({ kind: 'kvm', vm: 7, pinGsi: 11 });
    expect(new KvmSink({ interrupts: vm, vm: 7 }).setPin).toBeUndefined();
  });
});
