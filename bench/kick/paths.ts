/** The ways in which a kick of a virtqueue reaches its device. */

export const KICK_PATHS = ['synchronous', 'register', 'assigned'] as const;
export type KickPath = (typeof KICK_PATHS)[number];

export interface KickPathFacts {
  /** Where the queue runs. */
  readonly dataPlane: 'registers' | 'worker';
  /** The queue has an ioeventfd. */
  readonly assigned: boolean;
  readonly summary: string;
}

export const KICK_PATH_FACTS: Readonly<Record<KickPath, KickPathFacts>> = {
  synchronous: {
    dataPlane: 'registers',
    assigned: false,
    summary: 'exit; the queue is looked at before the guest goes on',
  },
  register: { dataPlane: 'worker', assigned: false, summary: "exit; the vCPU's thread signals the data-plane Worker" },
  assigned: { dataPlane: 'worker', assigned: true, summary: 'ioeventfd; KVM signals the data-plane Worker' },
};
