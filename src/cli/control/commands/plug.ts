/** `{"plug": "disk=PATH[,setting…]"}`, `net=TAP[,…]` or `rng=WHERE[,…]`: the settings are those of the options of `ioregion run`. */
import { InvalidArgumentError } from 'commander';
import type { PlugDescription } from '../../../vmm/index.js';
import { parseDisk, parseNet, parsePlacement } from '../../run-options.js';
import { type ControlCommand, textArgument } from '../command.js';
import { ControlError } from '../errors.js';

const FORM = 'disk=PATH, net=TAP or rng=WHERE with settings';

const KINDS: Readonly<Record<string, (rest: string) => PlugDescription>> = {
  disk: (rest) => ({ disk: parseDisk(rest)[0]! }),
  net: (rest) => ({ net: parseNet(`tap=${rest}`)[0]! }),
  rng: (rest) => ({ rng: parsePlacement(rest) }),
};

export const plug: ControlCommand = (machine, argument) => {
  return machine.plug(describe(textArgument('plug', FORM, argument)));
};

function describe(text: string): PlugDescription {
  const [, kind = '', rest = ''] = /^([^=]*)=(.*)$/s.exec(text) ?? [];
  if (!Object.hasOwn(KINDS, kind)) throw new ControlError(`plug takes ${FORM}`);
  try {
    return KINDS[kind]!(rest);
  } catch (error) {
    throw error instanceof InvalidArgumentError ? new ControlError(`plug ${kind}: ${error.message}`) : error;
  }
}
