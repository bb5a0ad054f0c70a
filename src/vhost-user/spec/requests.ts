/** Requests of the vhost-user specification, by the names it gives them ("Message types"). */

/** From the frontend ("Front-end message types"). */
export const FrontendRequest = {
  getFeatures: 1,
  setFeatures: 2,
  setOwner: 3,
  resetOwner: 4,
  setMemTable: 5,
  setLogBase: 6,
  setLogFd: 7,
  setVringNum: 8,
  setVringAddr: 9,
  setVringBase: 10,
  getVringBase: 11,
  setVringKick: 12,
  setVringCall: 13,
  setVringErr: 14,
  getProtocolFeatures: 15,
  setProtocolFeatures: 16,
  getQueueNum: 17,
  setVringEnable: 18,
  sendRarp: 19,
  netSetMtu: 20,
  setBackendReqFd: 21,
  iotlbMsg: 22,
  setVringEndian: 23,
  getConfig: 24,
  setConfig: 25,
  createCryptoSession: 26,
  closeCryptoSession: 27,
  postcopyAdvise: 28,
  postcopyListen: 29,
  postcopyEnd: 30,
  getInflightFd: 31,
  setInflightFd: 32,
  gpuSetSocket: 33,
  resetDevice: 34,
  vringKick: 35,
  getMaxMemSlots: 36,
  addMemReg: 37,
  remMemReg: 38,
  setStatus: 39,
  getStatus: 40,
  getSharedObject: 41,
  setDeviceStateFd: 42,
  checkDeviceState: 43,
  getShmemConfig: 44,
} as const;

/** From the backend, on the channel that SET_BACKEND_REQ_FD made ("Back-end message types"). */
export const BackendRequest = {
  iotlbMsg: 1,
  configChangeMsg: 2,
  vringHostNotifierMsg: 3,
  vringCall: 4,
  vringErr: 5,
  sharedObjectAdd: 6,
  sharedObjectRemove: 7,
  sharedObjectLookup: 8,
  shmemMap: 9,
  shmemUnmap: 10,
} as const;

/** `GET_CONFIG (24)`, for messages to a person. */
export function frontendRequestName(request: number): string {
  return nameIn(FrontendRequest, request);
}

export function backendRequestName(request: number): string {
  return `BACKEND_${nameIn(BackendRequest, request)}`;
}

function nameIn(requests: Readonly<Record<string, number>>, request: number): string {
  const name = Object.keys(requests).find((key) => requests[key] === request) ?? 'unknown';
  return `${name.replace(/[A-Z]/g, '_$&').toUpperCase()} (${request})`;
}
