/** The ioregionfd wire protocol, v2 and v3. */
export { type CommandFields, CommandView, encodeCommand } from './command.js';
export { FaultCounters, ProtocolError, type ProtocolRule, ruleOf, WireFault } from './fault.js';
export { MessageFramer } from './framer.js';
export { CommandKind, MESSAGE_SIZE, messageWords } from './layout.js';
export { decodeResponse, encodeResponse } from './response.js';
export type { WireVersion } from './version.js';
