import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type Judge, readDefinitions } from './custom-resources.js';

const DEFINITION = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: { name: things.example.com }
spec:
  group: example.com
  names: { kind: Thing }
  versions:
    - name: v1
      served: true
      schema:
        openAPIV3Schema:
          type: object
          required: [spec]
          properties:
            apiVersion: { type: string }
            kind: { type: string }
            metadata: { type: object }
            spec:
              type: object
              required: [size]
              properties:
                size: { type: integer, format: int32, minimum: 1 }
                port: { x-kubernetes-int-or-string: true }
                color: { type: string, nullable: true, enum: [red, green] }
                free: { type: object, x-kubernetes-preserve-unknown-fields: true, properties: { a: { type: string } } }
                labels: { type: object, additionalProperties: { type: string } }
                parts:
                  type: array
                  items: { type: object, properties: { name: { type: string } } }
    - name: v1alpha1
      served: false
      schema: { openAPIV3Schema: { type: object } }
`;

describe('readDefinitions', () => {
  let folder: string;
  let judges: Map<string, Judge>;
  beforeAll(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'nexus-definitions-'));
    writeFileSync(path.join(folder, 'things.yaml'), `kind: List\n---\n${DEFINITION}---\n`);
    writeFileSync(path.join(folder, 'kustomization.txt'), 'no definition');
    judges = readDefinitions([folder]);
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  const faults = (spec: unknown): string[] =>
    judges.get('example.com/v1 Thing')?.({
      apiVersion: 'example.com/v1',
      kind: 'Thing',
      metadata: { name: 'one', labels: { anything: 'is fine' } },
      ...(spec === undefined ? {} : { spec }),
    }) ?? ['not there'];

  test('knows the versions that are served', () => {
    expect([...judges.keys()]).toEqual(['example.com/v1 Thing']);
  });

  test.each([
    [{ size: 1 }],
    [{ size: 3, port: 80, labels: { a: 'b' }, parts: [{ name: 'x' }], free: { a: 'b', more: [1] } }],
    [{ size: 1, port: 'http', parts: [] }],
  ])('%j is one', (spec) => {
    expect(faults(spec)).toEqual([]);
  });

  test.each([
    [undefined, /required property 'spec'/],
    [{}, /required property 'size'/],
    [{ size: 0 }, /size must be >= 1/],
    [{ size: 1, colour: 'red' }, /additional properties \(colour\)/],
    [{ size: 1, color: 'blue' }, /color must be equal to one of/],
    [{ size: 1, port: true }, /port must be integer,string/],
    [{ size: 1, parts: [{ nam: 'x' }] }, /parts\/0 must NOT have additional properties \(nam\)/],
    [{ size: 1, labels: { a: 1 } }, /labels\/a must be string/],
    [{ size: 1, free: { a: 1 } }, /free\/a must be string/],
  ])('%j is none', (spec, sentence) => {
    expect(faults(spec)).toContainEqual(expect.stringMatching(sentence));
  });
});
