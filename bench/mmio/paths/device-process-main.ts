/** The program of the device process: takes its region from the VMM and serves it until the VMM hangs up. */
import { BlockingServer, connectDevice } from '../../../src/ioregion/index.js';
import { setAffinity } from '../../../src/native/index.js';
import { BenchDevice } from '../bench-device.js';

const [path, cpu] = process.argv.slice(2);
setAffinity([Number(cpu)]);
using offer = await connectDevice(path!);
const { readFd, writeFd, userData } = offer.regions[0]!;
const end = new BlockingServer({ readFd, writeFd, regions: [{ userData, device: new BenchDevice() }] }).serve();
if (end.reason === 'error') throw end.error;
process.disconnect();
