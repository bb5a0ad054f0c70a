import { once } from 'node:events';
import { createConnection } from 'node:net';
import { join } from 'node:path';
import { connectUnix, type Fd } from 'ioregion/native';
import { expect, onTestFinished, test, vi } from 'vitest';
import { Door } from '#dist/src/cli/serve/door.js';
import { temporaryDirectory } from '../../support/temporary.js';

const directory = temporaryDirectory();
let doors = 0;

function openDoor() {
  const path = join(directory, String(doors++));
  const door = Door.open('device', { path });
  onTestFinished(() => door.close());
  const connect = () => {
    const connection = connectUnix(path);
    onTestFinished(() => connection.close());
    return connection;
  };
  return { door, connect, path };
}

function admitInto(admitted: Fd[]) {
  onTestFinished(() => {
    for (const connection of admitted) connection.close();
  });
  return (connection: Fd) => void admitted.push(connection);
}

test('whoever came before there was somebody to serve him is served, and so is whoever comes later', async () => {
  const { door, connect } = openDoor();
  const admitted: Fd[] = [];
  connect();
  await vi.waitFor(() => expect(door.waiting).toBe(1));
  door.serve(admitInto(admitted));
  connect();
  await vi.waitFor(() => expect(admitted).toHaveLength(2));
});

test('whoever waits when the door closes finds his connection closed', async () => {
  const { door, connect } = openDoor();
  const connection = connect();
  await vi.waitFor(() => expect(door.waiting).toBe(1));
  door.close();
  expect(connection.read(new Uint8Array(1))).toBe(0);
});

test('a crowd before there is somebody to serve it takes no more than 16 connections; who was turned away may come again', async () => {
  const { door, connect, path } = openDoor();
  const admitted: Fd[] = [];
  for (let n = 0; n < 16; n++) connect();
  await vi.waitFor(() => expect(door.waiting).toBe(16));
  await once(createConnection(path), 'close');
  expect(door.waiting).toBe(16);
  door.serve(admitInto(admitted));
  expect(admitted).toHaveLength(16);
  connect();
  await vi.waitFor(() => expect(admitted).toHaveLength(17));
});
