/** Builds the C comparison program into bench/reference/build. */
import { join } from 'node:path';
import { HOST_FLAGS, hostDirectory, libraryDirectory } from '../../guests/build.js';
import { compile, packageRoot, sourcesIn } from '../../guests/compile.js';

const referenceDirectory = join(packageRoot, 'bench', 'reference');

/** Builds `mmio-reference` where it is missing or older than its sources; returns its path. */
export async function buildReference(): Promise<string> {
  return compile({
    output: join(referenceDirectory, 'build', 'mmio-reference'),
    sources: [
      ...(await sourcesIn(referenceDirectory)),
      join(hostDirectory, 'die.c'),
      join(hostDirectory, 'guest_vm.c'),
    ],
    includes: [referenceDirectory, libraryDirectory, hostDirectory],
    flags: HOST_FLAGS,
  });
}

/** Builds what stands in for a /dev/kvm in processes it is preloaded into; returns its path. */
export async function buildKvmStandIn(): Promise<string> {
  const directory = join(referenceDirectory, 'kvm');
  return compile({
    output: join(referenceDirectory, 'build', 'kvm-stand-in.so'),
    sources: await sourcesIn(directory),
    includes: [directory],
    flags: [...HOST_FLAGS, '-shared', '-fPIC'],
  });
}
