/** What the driver can command (virtio 5.1.6.5), each command with the feature that it needs. */
import type { CommandData } from './command-data.js';
import { NetFeature } from './features.js';
import type { Link } from './link.js';
import { MAC_BYTES } from './mac-address.js';
import { MAC_TABLE_SIZE, type SavedMacTable } from './mac-table.js';
import { ReceiveMode } from './receive-filter.js';

/** `class`. */
export const CommandClass = { receive: 0, mac: 1, vlan: 2, announce: 3, multiQueue: 4, guestOffloads: 5 } as const;
/** `command` of class `mac`. */
export const MacCommand = { tableSet: 0, addressSet: 1 } as const;
/** `command` of class `vlan`. */
export const VlanCommand = { add: 0, delete: 1 } as const;
/** `command` of the classes that have a single one: ANNOUNCE_ACK, VQ_PAIRS_SET, GUEST_OFFLOADS_SET. */
const SINGLE = 0;

const MAX_VLAN = 0xfffn;

/** Carries a command out; false where its data are wrong. */
type Handler = (link: Link, data: CommandData) => boolean;

interface Command {
  readonly feature: bigint;
  readonly run: Handler;
}

const key = (commandClass: number, command: number): number => (commandClass << 8) | command;

const { ctrlRx, ctrlRxExtra, ctrlMacAddr, ctrlVlan, guestAnnounce, mq, ctrlGuestOffloads } = NetFeature;

const COMMANDS: ReadonlyMap<number, Command> = new Map([
  ...[ReceiveMode.promisc, ReceiveMode.allMulti].map((mode) => receiveMode(mode, ctrlRx)),
  ...[ReceiveMode.allUni, ReceiveMode.noMulti, ReceiveMode.noUni, ReceiveMode.noBroadcast].map((mode) =>
    receiveMode(mode, ctrlRxExtra),
  ),
  [key(CommandClass.mac, MacCommand.tableSet), { feature: ctrlRx, run: setMacTables }],
  [key(CommandClass.mac, MacCommand.addressSet), { feature: ctrlMacAddr, run: setMac }],
  [key(CommandClass.vlan, VlanCommand.add), { feature: ctrlVlan, run: setVlan(true) }],
  [key(CommandClass.vlan, VlanCommand.delete), { feature: ctrlVlan, run: setVlan(false) }],
  [key(CommandClass.announce, SINGLE), { feature: guestAnnounce, run: acknowledgeAnnouncement }],
  [key(CommandClass.multiQueue, SINGLE), { feature: mq, run: setActivePairs }],
  [key(CommandClass.guestOffloads, SINGLE), { feature: ctrlGuestOffloads, run: setGuestOffloads }],
]);

/** False where there is no such command, the driver has not negotiated it, or its data are wrong. */
export function runCommand(link: Link, commandClass: number, command: number, data: CommandData): boolean {
  const found = COMMANDS.get(key(commandClass, command));
  return found !== undefined && (link.negotiated.features & found.feature) !== 0n && found.run(link, data);
}

function receiveMode(mode: number, feature: bigint): [number, Command] {
  const run: Handler = ({ filter }, data) => {
    const on = data.integer(1);
    if (on === null || on > 1n) return false;
    filter.modes[mode] = Number(on);
    return true;
  };
  return [key(CommandClass.receive, mode), { feature, run }];
}

/** Both tables or none. */
function setMacTables({ filter }: Link, data: CommandData): boolean {
  const unicast = takeTable(data);
  const multicast = unicast === null ? null : takeTable(data);
  if (unicast === null || multicast === null) return false;
  filter.unicast.set(unicast);
  filter.multicast.set(multicast);
  return true;
}

/** More addresses than there is room for are looked at by nobody: the table matches all. */
function takeTable(data: CommandData): SavedMacTable | null {
  const count = Number(data.integer(4) ?? Number.POSITIVE_INFINITY);
  if (count > MAC_TABLE_SIZE)
    return data.skip(count * MAC_BYTES) ? { addresses: new Uint8Array(), matchesAll: true } : null;
  const addresses = data.take(count * MAC_BYTES);
  return addresses === null ? null : { addresses, matchesAll: false };
}

function setMac({ config }: Link, data: CommandData): boolean {
  const mac = data.take(MAC_BYTES);
  if (mac === null) return false;
  config.mac.set(mac);
  return true;
}

function setVlan(wanted: boolean): Handler {
  return ({ filter }, data) => {
    const id = data.integer(2);
    if (id === null || id > MAX_VLAN) return false;
    filter.setVlan(Number(id), wanted);
    return true;
  };
}

function acknowledgeAnnouncement({ config }: Link): boolean {
  config.announce = false;
  return true;
}

function setActivePairs(link: Link, data: CommandData): boolean {
  const count = data.integer(2);
  return count !== null && link.setActivePairs(Number(count));
}

function setGuestOffloads(link: Link, data: CommandData): boolean {
  const offloads = data.integer(8);
  return offloads !== null && link.setGuestOffloads(offloads);
}
