/** What TypeScript says about handlers and registers: short programs, compiled against the built package. */
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { describe, expect, test } from 'vitest';

const ioregion = fileURLToPath(new URL('../../../dist/src/ioregion/index.js', import.meta.url));
const preamble = `
import { type AsyncRegisterDevice, RegisterBlock, type RegisterDevice } from '${ioregion}';
const block = new RegisterBlock({
  name: 'typed', description: '', size: 64,
  registers: [
    { offset: 0, width: 4, name: 'PLAIN', access: 'rw', description: '' },
    { offset: 8, width: 8, name: 'WIDE', access: 'rw', onWrite: 'moves', description: '' },
    { offset: 16, width: 4, name: 'DOORBELL', access: 'wo', onWrite: 'rings', description: '' },
    { offset: 20, width: 4, name: 'CLOCK', access: 'ro', onRead: 'ticks', description: '' },
  ],
});
const onRead = { CLOCK: () => 1 };
const onWrite = { WIDE: (value: bigint) => {}, DOORBELL: (value: number, index: number) => {} };
`;

const accepted: Record<string, string> = {
  'exactly the handlers that the table names': 'block.create({ onRead, onWrite });',
  'values as wide as their register':
    'const device = block.create({ onRead, onWrite }); device.register("WIDE").value = 1n; device.register("PLAIN").value = 1;',
  'a device wherever a register device is wanted':
    'const device: RegisterDevice = block.create({ onRead, onWrite }); const later: AsyncRegisterDevice = device;',
  'no handlers for a table without side effects': `
    new RegisterBlock({ name: 'x', description: '', size: 4, registers: [] }).create({});`,
};
const refused: Record<string, [program: string, message: string]> = {
  'a misspelt handler': ['block.create({ onRead, onWrite: { ...onWrite, DORBELL: () => {} } });', 'DORBELL'],
  'a missing handler': ['block.create({ onRead, onWrite: { WIDE: onWrite.WIDE } });', 'DOORBELL'],
  'a missing group of handlers': ['block.create({ onWrite });', 'onRead'],
  'a handler where the table names no effect': [
    'block.create({ onRead: { ...onRead, PLAIN: () => 1 }, onWrite });',
    'PLAIN',
  ],
  'a number for an 8-byte register': [
    'block.create({ onRead, onWrite: { ...onWrite, WIDE: (v: number) => {} } });',
    'bigint',
  ],
  'a register that is not in the table': ['block.create({ onRead, onWrite }).register("PLAN");', '"PLAN"'],
  'a bigint assigned to a 4-byte register': [
    'block.create({ onRead, onWrite }).register("PLAIN").value = 1n;',
    'number',
  ],
  'an access that does not exist': [
    `new RegisterBlock({ name: 'x', description: '', size: 4, registers: [
      { offset: 0, width: 4, name: 'A', access: 'rx', description: '' } ] });`,
    'rx',
  ],
};

/** Messages of the compiler by program, from one run over all of them. */
function compileAll(programs: ReadonlyMap<string, string>): Map<string, string> {
  const options: ts.CompilerOptions = {
    strict: true,
    exactOptionalPropertyTypes: true,
    noEmit: true,
    target: ts.ScriptTarget.ES2023,
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    skipLibCheck: true,
    types: [],
  };
  const host = ts.createCompilerHost(options);
  const { getSourceFile, fileExists, readFile } = host;
  host.getSourceFile = (file, ...rest) => {
    const program = programs.get(file);
    return program === undefined
      ? getSourceFile(file, ...rest)
      : ts.createSourceFile(file, preamble + program, rest[0]);
  };
  host.fileExists = (file) => programs.has(file) || fileExists(file);
  host.readFile = (file) => programs.get(file) ?? readFile(file);
  const messages = new Map([...programs.keys()].map((file) => [file, '']));
  for (const { file, messageText } of ts.getPreEmitDiagnostics(ts.createProgram([...programs.keys()], options, host))) {
    const name = file?.fileName ?? 'elsewhere';
    messages.set(name, `${messages.get(name) ?? ''}${ts.flattenDiagnosticMessageText(messageText, '\n')}\n`);
  }
  return messages;
}

const fileOf = (what: string) => `/programs/${what.replaceAll(' ', '-')}.mts`;
const sources = [
  ...Object.entries(accepted),
  ...Object.entries(refused).map(([what, [program]]) => [what, program] as const),
];
const messages = compileAll(new Map(sources.map(([what, program]) => [fileOf(what), program])));

describe('TypeScript', () => {
  test.each(Object.keys(accepted))('accepts %s', (what) => {
    expect(messages.get(fileOf(what))).toBe('');
  });

  test.each(Object.entries(refused))('refuses %s', (what, [, message]) => {
    expect(messages.get(fileOf(what))).toContain(message);
  });
});
