import { describe } from 'vitest';
import { kernelHarness, kernelIoregion } from '#dist/test/contract/kernel-harness.js';
import { describeDispatcherContract } from '#dist/test/contract/suite.js';
import { kvmDevice } from '../support/require.js';

// No released kernel has KVM_SET_IOREGION: not even IOREGION_REQUIRE=all can ask for it.
const missing = kvmDevice() ?? kernelIoregion();
if (missing !== undefined) console.warn(`skipped: the contract of the kernel dispatcher: ${missing}`);

describe.skipIf(missing !== undefined)('where the kernel dispatches', () => {
  describeDispatcherContract(kernelHarness());
});
