import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ReferenceRunner } from '#dist/bench/mmio/reference-runner.js';
import { temporaryDirectory } from '../../support/temporary.js';

const directory = temporaryDirectory();

let programs = 0;

/** A runner of a shell script that stands in for the C program; `$SAMPLES` is where it must leave its samples. */
function runnerOf(body: string, signal?: AbortSignal): ReferenceRunner {
  const program = join(directory, `program-${programs++}`);
  const findSamples = 'while [ $# -gt 0 ]; do [ "$1" = --samples ] && SAMPLES=$2; shift; done';
  writeFileSync(program, `#!/bin/sh\nARGUMENTS="$*"\n${findSamples}\n${body}\n`, { mode: 0o755 });
  return new ReferenceRunner({
    path: 'exit-inline',
    operation: 'read',
    program,
    guest: '/guest.bin',
    cpus: { vcpu: 1, device: 0 },
    directory,
    graceMs: 500,
    ...(signal && { signal }),
  });
}

const failure = (message: RegExp) =>
  expect.objectContaining({ code: 'ERR_IOREGION_BENCH_REFERENCE', message: expect.stringMatching(message) });

describe('the runner of the C program', () => {
  it('reads the samples and the report line', async () => {
    const line = '{"n":2,"elapsed_ns":5000,"floor_ns":700}';
    const slot = await runnerOf(`printf '\\001\\000\\000\\000\\000\\001\\000\\000' >"$SAMPLES"; echo '${line}'`).slot(
      10,
    );
    expect(slot).toEqual({ samples: Uint32Array.of(1, 256), accesses: 2, elapsedNs: 5000, floorNs: 700 });
  });

  it('passes on path, operation, time and placement', async () => {
    const runner = runnerOf(`echo "$ARGUMENTS" >&2; exit 1`);
    await expect(runner.slot(250)).rejects.toEqual(
      failure(/--path exit-inline --op read --size 4 --seconds 0.25 --cpu 1 --device-cpu 0 .*--guest \/guest.bin/),
    );
  });

  it('fails with the exit status and the last line of standard error', async () => {
    const runner = runnerOf('echo first >&2; echo "cannot open /dev/kvm" >&2; exit 3');
    await expect(runner.slot(10)).rejects.toEqual(failure(/exit status 3.*: cannot open \/dev\/kvm$/));
  });

  it('ends a program that hangs, and says so', async () => {
    await expect(runnerOf('exec sleep 30').slot(10)).rejects.toEqual(failure(/no answer within 510 ms/));
  });

  it('fails where the program is not there', async () => {
    const runner = runnerOf('');
    rmSync(join(directory, `program-${programs - 1}`));
    await expect(runner.slot(10)).rejects.toEqual(failure(/ENOENT/));
  });

  it('fails where no report is printed', async () => {
    await expect(runnerOf('echo hello').slot(10)).rejects.toEqual(failure(/did not print a JSON line/));
    await expect(runnerOf('echo null').slot(10)).rejects.toEqual(failure(/reported no n, elapsed_ns and floor_ns/));
  });

  it('fails where the samples file is cut short', async () => {
    const runner = runnerOf(`printf abc >"$SAMPLES"; echo '{"n":1,"elapsed_ns":1,"floor_ns":1}'`);
    await expect(runner.slot(10)).rejects.toEqual(failure(/3 bytes/));
  });

  it('ends the program with the reason of the signal when it is aborted', async () => {
    const controller = new AbortController();
    const slot = runnerOf('exec sleep 30', controller.signal).slot(60_000);
    controller.abort(new Error('interrupted'));
    await expect(slot).rejects.toThrow('interrupted');
  });
});
