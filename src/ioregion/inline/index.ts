export { createBus, type InlineDevice, inlineDevices } from './bus-module.js';
export { BusOverlapError, type PlacedDevice, RegisterBus } from './register-bus.js';
