/** Everything that is heard at a socket until the other side closes it. */
import { connect } from 'node:net';

export function heardAt(path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let heard = '';
    connect(path)
      .on('data', (bytes) => {
        heard += bytes;
      })
      .on('error', reject)
      .on('close', () => resolve(heard));
  });
}
