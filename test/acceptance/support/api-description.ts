import type { Ajv2020, ValidateFunction } from 'ajv/dist/2020.js';
import { randomAddress } from './chance.js';
import { environment } from './environment.js';
import { createValidator, faultsOf } from './json-schema.js';
import type { Reply } from './reply.js';

type Json = Record<string, unknown>;

export interface Operation {
  readonly method: string;
  /** With `{names}`. */
  readonly path: string;
  readonly description: Json;
}

const METHODS = ['get', 'put', 'post', 'delete', 'options', 'head', 'patch', 'trace'];
function patternOf(path: string): RegExp {
  const parts = path.split(/\{[^}]+\}/).map((part) => part.replaceAll(/[.*+?^$()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${parts.join('[^/]+')}$`);
}

/** A path as it is meant (RFC 3986 §6.2.2.2); one that is malformed stays as it is. */
function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}

/** Whether a media type is one that is described. */
function mediaMatch(described: readonly string[], type: string): string | undefined {
  const base = (type.split(';')[0] as string).trim().toLowerCase();
  const wanted = [base, `${base.split('/')[0]}/*`, '*/*'];
  return wanted.find((range) => described.includes(range));
}

/** The server's own description of itself, and whether it keeps to it. */
export class ApiDescription {
  readonly operations: readonly Operation[];
  private readonly ajv: Ajv2020 = createValidator();
  private readonly validators = new Map<Json, ValidateFunction>();
  private readonly patterns: readonly { readonly pattern: RegExp; readonly path: string }[];

  constructor(readonly document: Json) {
    const paths = (document.paths ?? {}) as Record<string, Json>;
    this.operations = Object.entries(paths).flatMap(([path, item]) =>
      METHODS.filter((method) => method in item).map((method) => ({
        method,
        path,
        description: item[method] as Json,
      })),
    );
    // What is written out wins over what has names in it.
    this.patterns = Object.keys(paths)
      .sort((a, b) => a.split('{').length - b.split('{').length)
      .map((path) => ({ pattern: patternOf(path), path }));
  }

  find(method: string, path: string): Operation | undefined {
    const name = method === 'HEAD' ? 'get' : method.toLowerCase();
    const plain = decoded(path);
    const found = this.patterns.find(({ pattern }) => pattern.test(plain));
    return this.operations.find((operation) => operation.path === found?.path && operation.method === name);
  }

  /** @throws Error when the answer is none that the document describes; an unknown address is not described */
  assertDescribed(reply: Reply, method: string, path: string): void {
    const operation = this.find(method, path);
    if (!operation) return;
    const status = String(reply.status);
    const responses = (operation.description.responses ?? {}) as Record<string, Json>;
    const response = this.resolve(responses[status]);
    if (!response) {
      throw new Error(
        `${reply.summary}\n  OpenAPI describes no ${status} of ${operation.method} ${operation.path}, ` +
          `only ${Object.keys(responses).join(', ')}`,
      );
    }
    if (method === 'HEAD' || reply.bytes.length === 0) return;
    const content = (response.content ?? {}) as Record<string, Json>;
    const type = reply.header('content-type') ?? '';
    const media = mediaMatch(Object.keys(content), type);
    if (media === undefined) {
      throw new Error(
        `${reply.summary}\n  OpenAPI describes no ${type} for ${operation.method} ${operation.path} ${status}`,
      );
    }
    if (!/json\b/.test(type) || !content[media]?.schema) return;
    this.assertSchema(reply, content[media].schema as Json);
  }

  private assertSchema(reply: Reply, schema: Json): void {
    let validate = this.validators.get(schema);
    if (!validate) {
      validate = this.validatorOf(schema);
      this.validators.set(schema, validate);
    }
    if (!validate(JSON.parse(reply.text))) {
      throw new Error(`${reply.summary}\n  is not what OpenAPI describes:\n${faultsOf(validate.errors)}`);
    }
  }

  /** A validator of a schema of this document. @throws Error when it is none */
  validatorOf(schema: Json): ValidateFunction {
    return this.ajv.compile({ allOf: [schema], components: this.document.components });
  }

  /** Follows `$ref`s within the document. */
  resolve(value: Json | undefined): Json | undefined {
    let found = value;
    while (typeof found?.$ref === 'string') {
      const parts = found.$ref
        .slice(2)
        .split('/')
        .map((part) => decodeURIComponent(part).replaceAll('~1', '/').replaceAll('~0', '~'));
      found = parts.reduce<Json | undefined>((at, part) => at?.[part] as Json | undefined, this.document);
    }
    return found;
  }
}

let loaded: Promise<ApiDescription> | undefined;

/** The description of the server under test, asked for once per spec file. */
export function apiDescription(): Promise<ApiDescription> {
  loaded ??= load();
  return loaded;
}

async function load(): Promise<ApiDescription> {
  const url = `${environment.baseUrl}/api/v1/openapi.json`;
  const response = await fetch(url, { headers: { 'x-forwarded-for': randomAddress() } });
  if (response.status !== 200) throw new Error(`GET ${url} answered ${response.status}`);
  return new ApiDescription((await response.json()) as Json);
}
