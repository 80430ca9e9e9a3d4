/** Custom resources held against the definitions that their operators install, field by field. */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { Ajv, type ValidateFunction } from 'ajv';
import { parseAllDocuments } from 'yaml';
import type { GoModule } from './checkers.ts';
import type { Manifest } from './render.ts';

type Schema = Readonly<Record<string, unknown>>;

/** Where the definitions of the operators are that the charts write resources for, in the modules of their code. */
export const DEFINITIONS: readonly (GoModule & { readonly folder: string })[] = [
  {
    path: 'github.com/cert-manager/cert-manager',
    version: 'v1.19.1',
    sum: 'h1:Txh8L/nLWTDcb7ZnXuXbTe15BxQnLbLirXmbNk0fGgY=',
    folder: 'deploy/crds',
  },
  {
    path: 'github.com/cert-manager/trust-manager',
    version: 'v0.25.0',
    sum: 'h1:nGtkHH9wEacI5uACdsq8wqCKWsCw1PMrwHPJcrUFUXA=',
    folder: 'deploy/crds',
  },
  {
    path: 'sigs.k8s.io/gateway-api',
    version: 'v1.4.1',
    sum: 'h1:NPxFutNkKNa8UfLd2CMlEuhIPMQgDQ6DXNKG9sHbJU8=',
    folder: 'config/crd/standard',
  },
  {
    path: 'github.com/hashicorp/vault-secrets-operator',
    version: 'v0.10.0',
    sum: 'h1:BjOTBJRqx1SLo7NeyqNJWRPDyfRscbqPtGU1U2LzArg=',
    folder: 'chart/crds',
  },
  {
    path: 'sigs.k8s.io/secrets-store-csi-driver',
    version: 'v1.5.3',
    sum: 'h1:SBsYaGmuQN9EIHwi32gaf0k94hyjjeaQ5eWeyqC0lWQ=',
    folder: 'config/crd/bases',
  },
  {
    path: 'github.com/external-secrets/external-secrets',
    version: 'v1.3.2',
    sum: 'h1:u2J8RjlHIeF0oZCqtl92adI/uZWUwOesJIDkfql6LqQ=',
    folder: 'config/crds/bases',
  },
];

/** Says what is wrong with a resource. */
export type Judge = (document: Manifest) => string[];

interface Definition {
  readonly kind: string;
  readonly spec: {
    readonly group: string;
    readonly names: { readonly kind: string };
    readonly versions: readonly {
      readonly name: string;
      readonly served: boolean;
      readonly schema?: { openAPIV3Schema: Schema };
    }[];
  };
}

/**
 * A structural schema (apiextensions.k8s.io/v1) as JSON Schema that takes no field which is not named: what an API server
 * would drop in silence is a fault here. Rules in CEL are left out.
 */
export function strictSchema(schema: Schema): Schema {
  const { properties, items, additionalProperties, type, nullable, ...rest } = schema as {
    properties?: Record<string, Schema>;
    items?: Schema;
    additionalProperties?: Schema | boolean;
    type?: string;
    nullable?: boolean;
  } & Schema;
  const isOpen = rest['x-kubernetes-preserve-unknown-fields'] === true;
  const isEither = rest['x-kubernetes-int-or-string'] === true;
  const types = isEither ? ['integer', 'string'] : type;
  const plain = Object.fromEntries(
    // Formats say how to store a value; the default is set by the server, examples and descriptions are for people.
    Object.entries(rest).filter(([key]) => !key.startsWith('x-kubernetes-') && !['format', 'default'].includes(key)),
  );
  return {
    ...plain,
    ...(types === undefined ? {} : { type: nullable ? [types, 'null'].flat() : types }),
    ...(properties && {
      properties: Object.fromEntries(Object.entries(properties).map(([name, inner]) => [name, strictSchema(inner)])),
    }),
    ...(properties && additionalProperties === undefined && !isOpen ? { additionalProperties: false } : {}),
    ...(additionalProperties !== undefined && {
      additionalProperties:
        typeof additionalProperties === 'object' ? strictSchema(additionalProperties) : additionalProperties,
    }),
    ...(items && { items: strictSchema(items) }),
  };
}

/** Judges of all served versions of the definitions in folders, by `<group>/<version> <kind>`. */
export function readDefinitions(folders: readonly string[]): Map<string, Judge> {
  const ajv = new Ajv({ allErrors: true, strict: false, validateFormats: false });
  const judges = new Map<string, Judge>();
  for (const folder of folders) {
    for (const file of readdirSync(folder).filter((name) => name.endsWith('.yaml'))) {
      for (const document of parseAllDocuments(readFileSync(path.join(folder, file), 'utf8'))) {
        const definition = document.toJS() as Definition | null;
        if (definition?.kind !== 'CustomResourceDefinition') continue;
        const { group, names, versions } = definition.spec;
        for (const { name, served, schema } of versions) {
          if (served && schema) judges.set(`${group}/${name} ${names.kind}`, judge(ajv, schema.openAPIV3Schema));
        }
      }
    }
  }
  return judges;
}

/** Compiled when it is first asked, for most are never. */
function judge(ajv: Ajv, schema: Schema): Judge {
  let validate: ValidateFunction | undefined;
  return ({ metadata, ...document }) => {
    // What every resource has is Kubernetes' own.
    validate ??= ajv.compile(strictSchema(schema));
    if (validate(document)) return [];
    return (validate.errors ?? []).map(
      ({ instancePath, message, params }) =>
        `${metadata.name}${instancePath} ${message}${params.additionalProperty ? ` (${params.additionalProperty})` : ''}`,
    );
  };
}
