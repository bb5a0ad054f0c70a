/** The report of `ioregion probe` for people. */
import {
  type CapabilityAnswer,
  type KvmMissing,
  type KvmPresent,
  PROBED_CAPABILITIES,
  type ProbedCapability,
  type ProbeReport,
} from '../kvm/probe/index.js';
import { textTable } from './text-table.js';

/** What was looked at, what was found, what that means. */
type Row = [what: string, found: string, meaning: string];

const YES_NO = ['no', 'yes'];

/** A table of about 120 columns, ready to print. */
export function probeTable(report: ProbeReport): string {
  return textTable([...hostRows(report), ...kvmRows(report.kvm)]);
}

function hostRows({ kernel, pvm, dispatcher }: ProbeReport): Row[] {
  const pvmMeaning = pvm ? 'KVM without hardware virtualisation (kvm_pvm)' : 'no kvm_pvm module';
  return [
    ['dispatcher', dispatcher.kind, dispatcher.reason],
    ['Linux', kernel, ''],
    ['PVM', pvm ? 'yes' : 'no', pvmMeaning],
  ];
}

function kvmRows(kvm: KvmMissing | KvmPresent): Row[] {
  if (!kvm.available) return [['KVM', `unusable (${kvm.errno ?? kvm.code})`, kvm.hint ?? kvm.message]];
  return [
    ['KVM API version', String(kvm.apiVersion), ''],
    guestRow(kvm.guest),
    ioeventfdRow(kvm.ioeventfds),
    ioregionfdRow(kvm.ioregionfd),
    ...kvm.ioregionfd.capabilities.map(ioregionCapabilityRow),
    ...(Object.keys(PROBED_CAPABILITIES) as ProbedCapability[]).map((name) =>
      capabilityRow(name, kvm.capabilities[name]),
    ),
  ];
}

function guestRow(guest: KvmPresent['guest']): Row {
  if (guest === null) return ['guest kernel-mode code', 'did not run', 'this KVM cannot run a real mode guest'];
  const speed = `about ${guest.nsPerInstruction.toFixed(guest.emulated ? 0 : 1)} ns an instruction`;
  return ['guest kernel-mode code', guest.emulated ? 'emulated' : 'native', speed];
}

function ioeventfdRow({ tried, assigned }: KvmPresent['ioeventfds']): Row {
  const many = assigned === tried;
  const meaning = many ? 'enough for one on each virtqueue' : 'too few for virtqueues: kept for vhost';
  return ['ioeventfds of a VM', many ? 'many' : String(assigned), `${meaning} (${assigned} of ${tried} tried)`];
}

function ioregionfdRow({ supported, refusal }: KvmPresent['ioregionfd']): Row {
  return ['KVM_SET_IOREGION', supported ? 'yes' : 'no', `a request that is always refused got ${refusal}`];
}

function ioregionCapabilityRow({ number, answer, upstream }: CapabilityAnswer): Row {
  const meaning = upstream === null ? 'no upstream meaning' : `upstream this is ${upstream}: it proves nothing`;
  return [`  capability ${number}`, String(answer), meaning];
}

function capabilityRow(name: ProbedCapability, answer: number): Row {
  return [name, YES_NO[answer] ?? String(answer), PROBED_CAPABILITIES[name]];
}
