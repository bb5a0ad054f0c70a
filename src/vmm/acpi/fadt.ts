/** The FADT (ACPI 6.5, 5.2.9): where the fixed registers are. */
import { PmRegister } from '../devices/power-management.js';
import { RESET_VALUE } from '../devices/reset-control.js';
import { Gsi, Port } from '../layout.js';
import { aml } from './aml.js';
import { table } from './table.js';

const FADT_BYTES = 276;
const REVISION = 6;
const MINOR_REVISION = 5;
/** Offsets count from the start of the table, as in the specification. */
const HEADER_BYTES = 36;

const Flag = { wbinvd: 1, procC1: 1 << 2, sleepButton: 1 << 5, resetRegister: 1 << 10 } as const;
const BootFlag = { noVga: 1 << 2 } as const;
const CENTURY = 0x32;
const IO_SPACE = 1;
const Access = { byte: 1, word: 2, dword: 3 } as const;

export function fadt(dsdt: number, facs: number): Uint8Array {
  const body = new Uint8Array(FADT_BYTES - HEADER_BYTES);
  const view = new DataView(body.buffer);
  const put = (offset: number, size: 1 | 2 | 4, value: number): void => {
    if (size === 1) view.setUint8(offset - HEADER_BYTES, value);
    else if (size === 2) view.setUint16(offset - HEADER_BYTES, value, true);
    else view.setUint32(offset - HEADER_BYTES, value, true);
  };
  /** A generic address structure for ports. */
  const putPorts = (offset: number, port: number, bits: number, access: number): void => {
    [IO_SPACE, bits, 0, access].forEach((byte, index) => {
      put(offset + index, 1, byte);
    });
    put(offset + 4, 4, port);
  };
  put(36, 4, facs);
  put(40, 4, dsdt);
  put(46, 2, Gsi.sci);
  put(56, 4, Port.powerManagement + PmRegister.status);
  put(64, 4, Port.powerManagement + PmRegister.control);
  put(76, 4, Port.powerManagement + PmRegister.timer);
  put(80, 4, Port.powerManagement + PmRegister.gpeStatus);
  put(88, 1, 4);
  put(89, 1, 2);
  put(91, 1, 4);
  /* Bytes of general-purpose event block 0: status and enable. */
  put(92, 1, 2);
  /* Worst-case latencies of C2 and C3: not supported. */
  put(96, 2, 101);
  put(98, 2, 1001);
  put(108, 1, CENTURY);
  put(109, 2, BootFlag.noVga);
  put(112, 4, Flag.wbinvd | Flag.procC1 | Flag.sleepButton | Flag.resetRegister);
  putPorts(116, Port.reset, 8, Access.byte);
  put(128, 1, RESET_VALUE);
  put(131, 1, MINOR_REVISION);
  view.setBigUint64(140 - HEADER_BYTES, BigInt(dsdt), true);
  putPorts(148, Port.powerManagement + PmRegister.status, 32, Access.word);
  putPorts(172, Port.powerManagement + PmRegister.control, 16, Access.word);
  putPorts(208, Port.powerManagement + PmRegister.timer, 32, Access.dword);
  putPorts(220, Port.powerManagement + PmRegister.gpeStatus, 16, Access.byte);
  return table('FACP', REVISION, aml(...body));
}
