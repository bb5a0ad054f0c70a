import { nativeHarness } from '#dist/test/contract/native-harness.js';
import { describeDispatcherContract } from '#dist/test/contract/suite.js';
import { describeWhere, kvmDevice } from '../support/require.js';

describeWhere([kvmDevice], 'with KVM', () => describeDispatcherContract(nativeHarness()));
