/** The frontend's side of vhost-user, for tests. */
export { type ChannelRequest, MockChannel } from './mock-channel.js';
export {
  type Answer,
  MockFrontend,
  RefusedError,
  type RingOptions as MockRingOptions,
  USER_BASE,
} from './mock-frontend.js';
