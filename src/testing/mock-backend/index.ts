/** A backend for tests of frontends: right by default, wrong where it is told to be. */
export {
  type Interference,
  MockBackend,
  type MockBackendOptions,
  type MockMessage,
  type MockRequest,
} from './mock-backend.js';
export { MockBackendConnection, type MockVring } from './mock-connection.js';
