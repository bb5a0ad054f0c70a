/** Interrupts of the device as the frontend wants them: one vector per ring, one for the configuration. */
import {
  InterruptController,
  type InterruptSink,
  InterruptSource,
  InterruptState,
} from '../../virtio/interrupt/index.js';

export interface InterruptTargets {
  callRing(index: number): void;
  /** The configuration has changed, or the device needs a reset. */
  callConfig(): void;
}

/** An interrupt source for `rings` rings whose every interrupt reaches `targets`. */
export function interruptsTo(targets: InterruptTargets, rings: number): InterruptSource {
  const sink: InterruptSink = {
    signal: (vector) => (vector === rings ? targets.callConfig() : targets.callRing(vector)),
  };
  const controller = new InterruptController(new InterruptSource(InterruptState.create(rings + 1, rings), sink));
  controller.setMode(true, false);
  for (let vector = 0; vector <= rings; vector++) controller.setVector(vector, 'control', 0);
  controller.configVector = rings;
  for (let ring = 0; ring < rings; ring++) controller.setQueueVector(ring, ring);
  return controller.source;
}
