// Status 0 where the tests that need KVM can run on this host.
import { kvmDevice } from '../dist/test/support/requirements.js';

process.exit(kvmDevice() === undefined ? 0 : 1);
