/**
 * The shape of an OpenAPI 3.1 document (https://spec.openapis.org/oas/v3.1.1#schema-0), as JSON Schema 2020-12: every
 * object with the fields that the specification fixes for it, and no others but `x-…`. Schema objects are not looked
 * into here; they are compiled by the validator.
 */
type Schema = Record<string, unknown>;

const ref = (name: string): Schema => ({ $ref: `#/$defs/${name}` });
const mapOf = (schema: Schema): Schema => ({ type: 'object', additionalProperties: schema });
const listOf = (schema: Schema): Schema => ({ type: 'array', items: schema });
const text: Schema = { type: 'string' };
const flag: Schema = { type: 'boolean' };
const anything: Schema = {};
const uri: Schema = { type: 'string', minLength: 1 };

/** An object of the specification: its fixed fields, and extensions. */
function object(properties: Record<string, Schema>, required: readonly string[] = [], more: Schema = {}): Schema {
  return {
    type: 'object',
    properties,
    required,
    patternProperties: { '^x-': anything },
    additionalProperties: false,
    ...more,
  };
}

/** Either the object, or a reference to one. */
function orReference(name: string): Schema {
  return {
    if: { type: 'object', required: ['$ref'] },
    // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
    then: ref('reference'),
    else: ref(name),
  };
}

const examples = { example: anything, examples: mapOf(orReference('example')) };
const schemaOrContent: Schema = { oneOf: [{ required: ['schema'] }, { required: ['content'] }] };
const serialisation = { style: text, explode: flag, allowReserved: flag };

const operation = object(
  {
    tags: listOf(text),
    summary: text,
    description: text,
    externalDocs: ref('externalDocs'),
    operationId: text,
    parameters: { ...listOf(orReference('parameter')), uniqueItems: true },
    requestBody: orReference('requestBody'),
    responses: ref('responses'),
    callbacks: mapOf(orReference('callbacks')),
    deprecated: flag,
    security: listOf(ref('securityRequirement')),
    servers: listOf(ref('server')),
  },
  ['responses'],
);

const methods = ['get', 'put', 'post', 'delete', 'options', 'head', 'patch', 'trace'];

const flow = (...required: readonly string[]): Schema =>
  object({ authorizationUrl: uri, tokenUrl: uri, refreshUrl: uri, scopes: mapOf(text) }, [...required, 'scopes']);

const definitions: Record<string, Schema> = {
  info: object(
    {
      title: text,
      summary: text,
      description: text,
      termsOfService: uri,
      contact: ref('contact'),
      license: ref('license'),
      version: text,
    },
    ['title', 'version'],
  ),
  contact: object({ name: text, url: uri, email: text }),
  license: object({ name: text, identifier: text, url: uri }, ['name'], { not: { required: ['identifier', 'url'] } }),
  server: object({ url: uri, description: text, variables: mapOf(ref('serverVariable')) }, ['url']),
  serverVariable: object({ enum: { ...listOf(text), minItems: 1 }, default: text, description: text }, ['default']),
  components: object({
    schemas: mapOf(ref('schema')),
    responses: mapOf(orReference('response')),
    parameters: mapOf(orReference('parameter')),
    examples: mapOf(orReference('example')),
    requestBodies: mapOf(orReference('requestBody')),
    headers: mapOf(orReference('header')),
    securitySchemes: mapOf(orReference('securityScheme')),
    links: mapOf(orReference('link')),
    callbacks: mapOf(orReference('callbacks')),
    pathItems: mapOf(ref('pathItem')),
  }),
  paths: { type: 'object', patternProperties: { '^/': ref('pathItem'), '^x-': anything }, additionalProperties: false },
  pathItem: object({
    $ref: uri,
    summary: text,
    description: text,
    servers: listOf(ref('server')),
    parameters: { ...listOf(orReference('parameter')), uniqueItems: true },
    ...Object.fromEntries(methods.map((method) => [method, ref('operation')])),
  }),
  operation,
  externalDocs: object({ description: text, url: uri }, ['url']),
  parameter: object(
    {
      name: text,
      in: { enum: ['query', 'header', 'path', 'cookie'] },
      description: text,
      required: flag,
      deprecated: flag,
      allowEmptyValue: flag,
      schema: ref('schema'),
      content: { ...ref('content'), minProperties: 1, maxProperties: 1 },
      ...serialisation,
      ...examples,
    },
    ['name', 'in'],
    {
      ...schemaOrContent,
      if: { properties: { in: { const: 'path' } } },
      // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
      then: { properties: { required: { const: true } }, required: ['required'] },
    },
  ),
  requestBody: object({ description: text, content: ref('content'), required: flag }, ['content']),
  content: mapOf(ref('mediaType')),
  mediaType: object({ schema: ref('schema'), encoding: mapOf(ref('encoding')), ...examples }),
  encoding: object({ contentType: text, headers: mapOf(orReference('header')), ...serialisation }),
  responses: {
    type: 'object',
    properties: { default: orReference('response') },
    patternProperties: { '^[1-5](?:[0-9]{2}|XX)$': orReference('response'), '^x-': anything },
    additionalProperties: false,
    minProperties: 1,
  },
  response: object(
    {
      description: text,
      headers: mapOf(orReference('header')),
      content: ref('content'),
      links: mapOf(orReference('link')),
    },
    ['description'],
  ),
  callbacks: { type: 'object', additionalProperties: ref('pathItem') },
  example: object({ summary: text, description: text, value: anything, externalValue: uri }, [], {
    not: { required: ['value', 'externalValue'] },
  }),
  link: object(
    {
      operationRef: uri,
      operationId: text,
      parameters: mapOf(anything),
      requestBody: anything,
      description: text,
      server: ref('server'),
    },
    [],
    { oneOf: [{ required: ['operationRef'] }, { required: ['operationId'] }] },
  ),
  header: object(
    {
      description: text,
      required: flag,
      deprecated: flag,
      schema: ref('schema'),
      content: { ...ref('content'), minProperties: 1, maxProperties: 1 },
      style: { const: 'simple' },
      explode: flag,
      ...examples,
    },
    [],
    schemaOrContent,
  ),
  tag: object({ name: text, description: text, externalDocs: ref('externalDocs') }, ['name']),
  reference: {
    type: 'object',
    properties: { $ref: uri, summary: text, description: text },
    required: ['$ref'],
    additionalProperties: false,
  },
  schema: { type: ['object', 'boolean'] },
  securityScheme: {
    oneOf: [
      object(
        { type: { const: 'apiKey' }, description: text, name: text, in: { enum: ['query', 'header', 'cookie'] } },
        ['type', 'name', 'in'],
      ),
      object({ type: { const: 'http' }, description: text, scheme: text, bearerFormat: text }, ['type', 'scheme']),
      object({ type: { const: 'mutualTLS' }, description: text }, ['type']),
      object({ type: { const: 'oauth2' }, description: text, flows: ref('flows') }, ['type', 'flows']),
      object({ type: { const: 'openIdConnect' }, description: text, openIdConnectUrl: uri }, [
        'type',
        'openIdConnectUrl',
      ]),
    ],
  },
  flows: object({
    implicit: flow('authorizationUrl'),
    password: flow('tokenUrl'),
    clientCredentials: flow('tokenUrl'),
    authorizationCode: flow('authorizationUrl', 'tokenUrl'),
  }),
  securityRequirement: mapOf(listOf(text)),
};

export const OPENAPI_SCHEMA: Schema = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  ...object(
    {
      openapi: { type: 'string', pattern: '^3\\.1\\.\\d+(-.+)?$' },
      info: ref('info'),
      jsonSchemaDialect: uri,
      servers: listOf(ref('server')),
      paths: ref('paths'),
      webhooks: mapOf(ref('pathItem')),
      components: ref('components'),
      security: listOf(ref('securityRequirement')),
      tags: listOf(ref('tag')),
      externalDocs: ref('externalDocs'),
    },
    ['openapi', 'info'],
    { anyOf: [{ required: ['paths'] }, { required: ['components'] }, { required: ['webhooks'] }] },
  ),
  $defs: definitions,
};
