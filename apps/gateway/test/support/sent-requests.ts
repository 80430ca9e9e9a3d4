import { lines } from './raw-client.js';

export const HOST = 'Host: api.example';
export const JSON_TYPE = 'Content-Type: application/json';
/** An id as the platform makes them. */
export const ID = '01a2069d-2742-7000-80fe-64cd5bc13f3e';

/** A GET that the gateway passes on. */
export function get(...fields: string[]): string {
  return lines('GET /api/v1/projects?q=1 HTTP/1.1', HOST, ...fields);
}

/** A POST whose body the gateway holds until it is whole. */
export function post(body: string, ...fields: string[]): string {
  return lines('POST /api/v1/projects HTTP/1.1', HOST, JSON_TYPE, ...fields, `Content-Length: ${body.length}`) + body;
}

/** An upload, whose body passes through as it comes. */
export function upload(body: string, ...fields: string[]): string {
  const head = ['POST /api/v1/files HTTP/1.1', HOST, 'Content-Type: application/octet-stream', ...fields];
  return lines(...head, `Content-Length: ${body.length}`) + body;
}

/** The download of a file: an answer without an end in time. */
export function download(...fields: string[]): string {
  return lines(`GET /api/v1/files/${ID}/content HTTP/1.1`, HOST, ...fields);
}
