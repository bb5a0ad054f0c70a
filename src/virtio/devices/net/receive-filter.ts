/** Which incoming packets the driver wants (virtio 5.1.6.5.1 to 5.1.6.5.3). */
import { isBroadcast, isMulticast, MAC_BYTES } from './mac-address.js';
import { MacTable, type SavedMacTable } from './mac-table.js';
import { ETHERNET_HEADER_BYTES, VLAN_TAG_BYTES, vlanOf } from './packet.js';

/** How much of a packet the filter looks at, in bytes. */
export const FILTERED_BYTES = ETHERNET_HEADER_BYTES + VLAN_TAG_BYTES;

/** Modes by the number of their command in class VIRTIO_NET_CTRL_RX. */
export const ReceiveMode = { promisc: 0, allMulti: 1, allUni: 2, noMulti: 3, noUni: 4, noBroadcast: 5 } as const;
export const RECEIVE_MODE_COUNT = 6;

const VLAN_COUNT = 4096;
/** A bit for each VLAN. */
export const VLAN_WORDS = VLAN_COUNT / 32;

/** Plain data. */
export interface SavedFilter {
  modes: boolean[];
  unicast: SavedMacTable;
  multicast: SavedMacTable;
  vlans: Uint32Array;
}

export class ReceiveFilter {
  readonly modes = new Uint8Array(RECEIVE_MODE_COUNT);
  readonly unicast = new MacTable();
  readonly multicast = new MacTable();
  readonly #vlans = new Uint32Array(VLAN_WORDS);
  readonly #mac: Uint8Array;
  /** Off: packets for any address pass. */
  byAddress = false;
  /** Off: tagged packets of any VLAN pass. */
  byVlan = false;

  /** `mac` is the device's address, and follows its changes. */
  constructor(mac: Uint8Array) {
    this.#mac = mac;
  }

  /** As a driver finds it. */
  reset(): void {
    this.modes.fill(0);
    this.unicast.clear();
    this.multicast.clear();
    this.#vlans.fill(0);
  }

  setVlan(id: number, wanted: boolean): void {
    const mask = 1 << (id & 31);
    if (wanted) this.#vlans[id >>> 5]! |= mask;
    else this.#vlans[id >>> 5]! &= ~mask;
  }

  /** Whether the packet that begins at position `at` of `bytes` is wanted; FILTERED_BYTES of it are there. */
  wants(bytes: Uint8Array, at: number): boolean {
    return (
      this.#wantsVlan(bytes, at) && (!this.byAddress || this.#on(ReceiveMode.promisc) || this.#wantsAddress(bytes, at))
    );
  }

  #on(mode: number): boolean {
    return this.modes[mode] !== 0;
  }

  #wantsVlan(bytes: Uint8Array, at: number): boolean {
    if (!this.byVlan) return true;
    const id = vlanOf(bytes, at);
    return id < 0 || (this.#vlans[id >>> 5]! & (1 << (id & 31))) !== 0;
  }

  #wantsAddress(bytes: Uint8Array, at: number): boolean {
    if (!isMulticast(bytes[at]!)) return this.#wantsUnicast(bytes, at);
    if (isBroadcast(bytes, at)) return !this.#on(ReceiveMode.noBroadcast);
    if (this.#on(ReceiveMode.noMulti)) return false;
    return this.#on(ReceiveMode.allMulti) || this.multicast.has(bytes, at);
  }

  #wantsUnicast(bytes: Uint8Array, at: number): boolean {
    if (this.#on(ReceiveMode.noUni)) return false;
    return this.#on(ReceiveMode.allUni) || this.#isOwn(bytes, at) || this.unicast.has(bytes, at);
  }

  #isOwn(bytes: Uint8Array, at: number): boolean {
    for (let i = 0; i < MAC_BYTES; i++) if (this.#mac[i] !== bytes[at + i]) return false;
    return true;
  }

  save(): SavedFilter {
    const modes = Array.from(this.modes, (mode) => mode !== 0);
    return { modes, unicast: this.unicast.save(), multicast: this.multicast.save(), vlans: this.#vlans.slice() };
  }

  /** The shape has been checked. */
  restore({ modes, unicast, multicast, vlans }: SavedFilter): void {
    this.modes.set(modes.map(Number));
    this.unicast.set(unicast);
    this.multicast.set(multicast);
    this.#vlans.set(vlans);
  }
}
