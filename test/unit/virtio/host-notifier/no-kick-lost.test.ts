/** Whatever happens to a queue and its host notifier, each kick is seen by whoever has the queue, then or at the next start. */
import fc from 'fast-check';
import { EventFd } from 'ioregion/native';
import { expect, test } from 'vitest';
import { type Doorbell, HostNotifiers, type IoeventfdLimit } from '#dist/src/virtio/host-notifier/index.js';
import { RecordedBinder } from '../support/recorded-binder.js';

const DOORBELLS: readonly Doorbell[] = [0xd000_3000, 0xd100_3000].map((address) => ({
  space: 'mmio',
  address,
  length: 2,
}));

const STEPS = ['kick', 'start', 'stop', 'move', 'watch', 'handOver', 'takeBack', 'refuse', 'raceAtDeassign'] as const;
type Step = (typeof STEPS)[number];

/** A guest, a VM, a device and an owner outside around the notifier of one queue. */
class World {
  /** A kick that nobody who has the queue has seen. */
  unseen = false;
  readonly #binder = new RecordedBinder();
  readonly #notifiers: HostNotifiers;
  readonly #ownerFd = EventFd.create();
  #running = false;
  #doorbell = 0;

  constructor(limit: IoeventfdLimit) {
    this.#notifiers = new HostNotifiers({ binder: this.#binder, queues: 1, limit });
    this.#notifiers.process = () => this.#see();
  }

  perform(step: Step): void {
    this[step]();
  }

  /** Runs the queue until all is quiet. */
  settle(): void {
    this.start();
    this.watch();
  }

  close(): void {
    this.#notifiers.close();
    this.#ownerFd.close();
  }

  kick(): void {
    this.unseen = true;
    if (!this.#binder.write(DOORBELLS[this.#doorbell]!)) this.#notifiers.kick(0);
  }

  start(): void {
    if (this.#running) return;
    this.#running = true;
    this.#notifiers.start(0, DOORBELLS[this.#doorbell]!);
  }

  /** As a reset does: kicks are processed before the queue is gone. */
  stop(): void {
    this.#notifiers.stop(0);
    this.#running = false;
  }

  move(): void {
    this.#doorbell = 1 - this.#doorbell;
    this.#notifiers.move(() => DOORBELLS[this.#doorbell]!);
  }

  /** Whoever has the queue looks at its eventfd, as long as the queue runs. */
  watch(): void {
    if (!this.#running) return;
    const eventfd = this.#owned ? this.#ownerFd : this.#notifiers.kickFds[0]!;
    if (eventfd.testAndClear()) this.#see();
  }

  handOver(): void {
    if (this.#owned) return;
    try {
      this.#notifiers.handOver(0, { kickFd: this.#ownerFd });
    } catch {
      expect(this.#binder.limit).toBe(0);
    }
  }

  takeBack(): void {
    if (this.#owned) this.#notifiers.takeBack(0);
  }

  /** From now on, or no longer, the VM refuses ioeventfds. */
  refuse(): void {
    this.#binder.limit = this.#binder.limit === 0 ? 1000 : 0;
  }

  /** The guest kicks at the last moment at which its write still is an ioeventfd. */
  raceAtDeassign(): void {
    this.#binder.beforeDeassign = (doorbell) => {
      this.#binder.beforeDeassign = () => {};
      this.unseen = true;
      this.#binder.write(doorbell);
    };
  }

  get #owned(): boolean {
    return this.#notifiers.state(0) === 'offlimits';
  }

  #see(): boolean {
    if (this.#running) this.unseen = false;
    return this.#running;
  }
}

test.each(['many', 'six'] as const)('on a host with %s ioeventfds no kick is lost', (limit) => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...STEPS), { maxLength: 60 }), (steps) => {
      const world = new World(limit);
      for (const step of steps) world.perform(step);
      world.settle();
      expect(world.unseen).toBe(false);
      world.close();
    }),
    { numRuns: 2000 },
  );
});
