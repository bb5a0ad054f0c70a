/** Messages over a Unix stream socket, for backends and frontends. */
export { Connection, type ConnectionHandler, type SendOptions } from './connection.js';
export { ReceivedMessage } from './received-message.js';
