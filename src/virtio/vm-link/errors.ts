import { IoregionError } from '../../native/index.js';

/** The VMM did not do what was asked over the link, or did not answer (`ERR_IOREGION_VM_LINK`). */
export class VmLinkError extends IoregionError {
  constructor(request: string, problem: string, errno?: number) {
    super('ERR_IOREGION_VM_LINK', `VM link, ${request}: ${problem}`, errno === undefined ? {} : { errno });
  }
}
