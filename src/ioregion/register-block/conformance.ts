/** Carries out the expectations of a block on one of its devices. */
import { readAny, writeAny } from '../access.js';
import { AccessValue } from '../access-value.js';
import type { RegisterBlockDevice } from './device.js';
import type { Expectation, Step } from './expectations.js';
import { WideRegister } from './register.js';

/** The steps of `expectation` that `device`, fresh from `createInert`, does not meet, as sentences; none if all is well. */
export function unmetSteps(device: RegisterBlockDevice, expectation: Expectation): string[] {
  return expectation.steps.map((step) => carryOut(device, step)).filter((problem) => problem !== null);
}

function carryOut(device: RegisterBlockDevice, step: Step): string | null {
  switch (step.op) {
    case 'set':
    case 'stored':
      return carryOutInside(device, step);
    case 'refused':
      return compare('refused accesses', step.accesses, device.refused.total);
    default:
      return carryOutOutside(device, step);
  }
}

/** From the device's side. */
function carryOutInside(device: RegisterBlockDevice, step: Extract<Step, { register: string }>): string | null {
  const register = device.register(step.register, step.index);
  if (step.op === 'stored') return compare(step.register, step.value, BigInt(register.value));
  if (register instanceof WideRegister) register.value = step.value;
  else register.value = Number(step.value);
  return null;
}

/** From the guest's side. */
function carryOutOutside(device: RegisterBlockDevice, step: Extract<Step, { size: number }>): string | null {
  const value = new AccessValue();
  value.setBigint(step.value);
  if (step.op === 'write') writeAny(device, step.offset, step.size, value);
  else readAny(device, step.offset, step.size, value);
  return compare(`${step.size} bytes at 0x${step.offset.toString(16)}`, step.value, value.bigint);
}

function compare(what: string, expected: bigint | number, actual: bigint | number): string | null {
  return expected === actual ? null : `${what}: expected 0x${expected.toString(16)}, got 0x${actual.toString(16)}`;
}
