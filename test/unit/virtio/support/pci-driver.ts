/** The test kit's, by the name that the tests of virtio-pci know. */
export { PciDriver, type Registers } from 'ioregion/testing';
