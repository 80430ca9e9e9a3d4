export type { CallDispatcher } from './attempt.js';
export { LineReader } from './line-reader.js';
export { type RemotePortOptions, remotePort } from './remote-port.js';
export {
  ANONYMOUS_ACTOR,
  BEAT_MS,
  INTERNAL_PREFIX,
  MAX_ANSWER_BYTES,
  MAX_CALL_MS,
  MAX_FOLLOWER_LINE_BYTES,
  MAX_INPUT_BYTES,
  portPath,
  STREAM_TYPE,
  wireHeaders,
} from './wire.js';
