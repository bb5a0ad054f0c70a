import { loopbackHarness } from '#dist/test/contract/loopback-harness.js';
import { describeDispatcherContract } from '#dist/test/contract/suite.js';

describeDispatcherContract(loopbackHarness());
