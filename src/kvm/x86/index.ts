/** Ready-made states to start a guest in, and the tables in guest memory that go with them. */
export * from './boot-state.js';
export * from './page-tables.js';
export * from './registers.js';
export { DESCRIPTOR_TABLES_BYTES, descriptorTables } from './segments.js';
