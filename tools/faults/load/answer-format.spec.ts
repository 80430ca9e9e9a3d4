import { describe, expect, test } from '@jest/globals';
import { formatFault, reasonOf } from './answer-format.ts';
import type { Answer } from './connection.ts';

const ID = '3f2504e0-4f89-41d3-9a0c-0305e82c3301';
const RIGHT = { success: false, error: 'Not right now.', error_code: 503, request_id: ID };

function answer(fields: unknown, { status = 503, headers = {} } = {}): Answer {
  return {
    status,
    headers: { 'content-type': 'application/json; charset=utf-8', 'x-request-id': ID, 'retry-after': '1', ...headers },
    body: Buffer.from(typeof fields === 'string' ? fields : JSON.stringify(fields)),
  };
}

describe('the one error format', () => {
  test('is kept by what the platform says', () => {
    expect(formatFault(answer(RIGHT))).toBeUndefined();
    const details = [{ code: 'unavailable', message: 'Later.' }];
    expect(formatFault(answer({ ...RIGHT, details }))).toBeUndefined();
    expect(reasonOf(answer({ ...RIGHT, details }))).toBe('unavailable');
  });

  test.each([
    ['another type', answer(RIGHT, { headers: { 'content-type': 'text/html' } }), 'an error is JSON'],
    ['no JSON', answer('Bad Gateway'), 'an error is a JSON object'],
    ['half of it', answer('{"success":false'), 'an error is a JSON object'],
    ['a stray key', answer({ ...RIGHT, statusCode: 503 }), 'nothing else stands in an error (statusCode)'],
    ['a success', answer({ ...RIGHT, success: true }), 'success is false'],
    ['no sentence', answer({ ...RIGHT, error: '' }), 'error is a sentence'],
    ['another status', answer({ ...RIGHT, error_code: 500 }), 'error_code is the HTTP status'],
    ['no id', answer({ ...RIGHT, request_id: undefined }), 'request_id is a UUID v4'],
    ['another id', answer(RIGHT, { headers: { 'x-request-id': 'x' } }), 'request_id equals X-Request-Id'],
    ['no Retry-After', answer(RIGHT, { headers: { 'retry-after': undefined } }), '503 carries Retry-After'],
    ['an empty list of details', answer({ ...RIGHT, details: [] }), 'details is a list that says something'],
    ['a detail without a code', answer({ ...RIGHT, details: [{ message: 'x' }] }), 'a detail has a code and a message'],
    [
      'the inside',
      answer({ ...RIGHT, error: 'connect ECONNREFUSED 127.0.0.1:5432' }),
      'a 5xx says nothing about the inside',
    ],
  ])('is not kept by %s', (_, broken, rule) => {
    expect(formatFault(broken)).toBe(rule);
  });
});
