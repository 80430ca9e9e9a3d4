import { Ajv2020, type AnySchema, type ErrorObject, type ValidateFunction } from 'ajv/dist/2020.js';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
/** RFC 3339 §5.6. */
const DATE_TIME = /^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)$/;
const EMAIL = /^[^\s@]+@[^\s@]+$/;

/** Keywords of OpenAPI's dialect that validate nothing (https://spec.openapis.org/oas/v3.1.1#schema-object). */
const ANNOTATIONS = ['example', 'xml', 'externalDocs', 'discriminator'];
/** Where a schema taken out of a document has what it refers to. */
const SURROUNDINGS = ['components'];

function isUri(text: string): boolean {
  return URL.canParse(text);
}

/** A validator of JSON Schema 2020-12 that takes no keyword and no format that it does not know. */
export function createValidator(): Ajv2020 {
  const ajv = new Ajv2020({
    allErrors: true,
    strict: true,
    strictTypes: false,
    strictTuples: false,
    strictRequired: false,
    validateFormats: true,
  });
  ajv.addVocabulary([...ANNOTATIONS, ...SURROUNDINGS]);
  ajv.addFormat('uuid', UUID);
  ajv.addFormat('date-time', DATE_TIME);
  ajv.addFormat('email', EMAIL);
  ajv.addFormat('uri', isUri);
  for (const name of ['password', 'binary', 'int32', 'int64']) ajv.addFormat(name, true);
  return ajv;
}

/** What is wrong, one line a fault. */
export function faultsOf(errors: readonly ErrorObject[] | null | undefined): string {
  return (errors ?? [])
    .slice(0, 20)
    .map(({ instancePath, message, params }) => `${instancePath || '/'} ${message} ${JSON.stringify(params)}`)
    .join('\n');
}

export type { AnySchema, ValidateFunction };
