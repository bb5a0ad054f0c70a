import { loopbackHarness } from '../../contract/loopback-harness.js';
import { describeDispatcherContract } from '../../contract/suite.js';

describeDispatcherContract(loopbackHarness());
