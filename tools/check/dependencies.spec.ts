import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type FixtureTree, fixtureTree } from './fixture-tree.ts';

const TSCONFIG = JSON.stringify({
  compilerOptions: {
    module: 'nodenext',
    moduleResolution: 'nodenext',
    target: 'ES2023',
    experimentalDecorators: true,
    paths: Object.fromEntries(
      ['kernel', 'contracts', 'config', 'observability', 'secrets', 'http', 'testing'].map((lib) => [
        `@nexus/${lib}`,
        [`./libs/${lib}/src/index.ts`],
      ]),
    ),
  },
});

function installed(name: string): Record<string, string> {
  return {
    [`node_modules/${name}/package.json`]: JSON.stringify({ name, version: '1.0.0', main: 'index.js' }),
    [`node_modules/${name}/index.js`]: 'module.exports = {};',
  };
}

const SURROUNDINGS = {
  'tsconfig.json': TSCONFIG,
  'package.json': JSON.stringify({
    name: 'fixture',
    dependencies: { fastify: '1.0.0', nodemailer: '1.0.0' },
    devDependencies: { 'fast-check': '1.0.0' },
  }),
  ...installed('fastify'),
  ...installed('nodemailer'),
  ...installed('fast-check'),
  ...installed('stowaway'),
};

/** A tree that keeps every rule, each time as close to breaking it as is allowed. */
const KEPT = {
  'libs/kernel/src/index.ts': `export { now } from './clock.js';\nexport type { Clock } from './clock.js';\n`,
  'libs/kernel/src/clock.ts': `export interface Clock { now(): number }\nexport const now = 1;\n`,
  'libs/config/src/index.ts': `export { now } from '@nexus/kernel';\n`,
  'libs/observability/src/index.ts': `export { now } from '@nexus/config';\n`,
  'libs/secrets/src/index.ts': `export { now } from '@nexus/observability';\n`,
  'libs/http/src/index.ts': `import fastify from 'fastify';\nexport { now } from '@nexus/config';\nexport const app = fastify;\n`,
  'libs/http/src/http.spec.ts': `import { harness } from '@nexus/testing';\nimport check from 'fast-check';\nvoid [harness, check];\n`,
  'libs/testing/src/index.ts': `import check from 'fast-check';\nimport { app } from '@nexus/http';\nexport const harness = [app, check];\n`,
  'apps/main.ts': `import { services } from './catalog.js';\nexport const start = services;\n`,
  'apps/catalog.ts': `export const services = [() => import('./auth/src/index.js'), () => import('./user/src/index.js')];\n`,
  'apps/auth/src/main.ts': `import { start } from '../../main.js';\nvoid start;\n`,
  'apps/auth/src/index.ts': `export { AuthModule } from './auth.module.js';\n`,
  'apps/auth/src/auth.module.ts': `import { KeysController } from './keys.controller.js';\nexport class AuthModule { c = KeysController; }\n`,
  'apps/auth/src/keys.controller.ts': `import { KeysService } from './keys.service.js';\nexport class KeysController { constructor(readonly keys: KeysService) {} }\n`,
  'apps/auth/src/keys.service.ts': `import { KeyEntity } from './key.entity.js';\nimport { KeysRepository } from './keys.repository.js';\nexport class KeysService { constructor(readonly keys: KeysRepository) {} last?: KeyEntity; }\n`,
  'apps/auth/src/keys.repository.ts': `import { KeyEntity } from './key.entity.js';\nexport class KeysRepository { last?: KeyEntity; }\n`,
  'apps/auth/src/key.entity.ts': `export class KeyEntity {}\n`,
  'apps/auth/src/mail.ts': `import type { Transporter } from 'nodemailer';\nexport const mail = async (): Promise<Transporter> => (await import('nodemailer')).createTransport();\n`,
  'apps/user/src/index.ts': `export const userService = {};\n`,
  'test/acceptance/projects.spec.ts': `import { request } from './client.js';\nvoid request;\n`,
  'test/acceptance/client.ts': `import http from 'node:http';\nexport const request = http.request;\n`,
};

interface Breach {
  readonly breaks: string;
  readonly file: string;
  readonly text: string;
  readonly line: number;
  readonly says: string;
}

const BREACHES: readonly Breach[] = [
  {
    breaks: 'a lib imports an app',
    file: 'libs/http/src/a.ts',
    text: `\nimport { userService } from '../../../apps/user/src/index.js';\nvoid userService;\n`,
    line: 2,
    says: 'a lib never imports an app',
  },
  {
    breaks: 'an app imports another app, if only a type',
    file: 'apps/auth/src/b.ts',
    text: `import type { userService } from '../../user/src/index.js';\nexport type B = typeof userService;\n`,
    line: 1,
    says: 'an app never imports another app',
  },
  {
    breaks: 'the gateway imports another app, late',
    file: 'apps/gateway/src/b.ts',
    text: `export const load = () => import('../../user/src/index.js');\n`,
    line: 1,
    says: 'an app never imports another app',
  },
  {
    breaks: 'a feature reaches for the composition root',
    file: 'apps/auth/src/c.ts',
    text: `import { services } from '../../catalog.js';\nvoid services;\n`,
    line: 1,
    says: 'may import the composition root',
  },
  {
    breaks: 'the catalog enters an app by a side door',
    file: 'apps/catalog.ts',
    text: `export const services = [() => import('./auth/src/auth.module.js')];\n`,
    line: 1,
    says: 'the composition root enters an app only through its src/index.ts',
  },
  {
    breaks: 'a third file under apps/ knows apps',
    file: 'apps/extra.ts',
    text: `import { userService } from './user/src/index.js';\nvoid userService;\n`,
    line: 1,
    says: 'directly under apps/ only main.ts and catalog.ts',
  },
  {
    breaks: 'an app enters a lib by a side door',
    file: 'apps/auth/src/d.ts',
    text: `import { now } from '../../../libs/kernel/src/clock.js';\nvoid now;\n`,
    line: 1,
    says: 'a lib is entered only through its src/index.ts',
  },
  {
    breaks: 'a lib enters another by a side door',
    file: 'libs/http/src/d.ts',
    text: `import { now } from '../../kernel/src/clock.js';\nvoid now;\n`,
    line: 1,
    says: 'a lib is entered only through its src/index.ts',
  },
  {
    breaks: 'a lib imports a rank to its right',
    file: 'libs/kernel/src/e.ts',
    text: `import type { app } from '@nexus/http';\nexport type E = typeof app;\n`,
    line: 1,
    says: 'kernel may import only libs of lower rank',
  },
  {
    breaks: 'a lib imports its own rank',
    file: 'libs/resilience/src/index.ts',
    text: `import { now } from '@nexus/secrets';\nvoid now;\n`,
    line: 1,
    says: 'resilience may import only libs of lower rank',
  },
  {
    breaks: 'a lib has no rank',
    file: 'libs/misc/src/index.ts',
    text: `export const misc = 1;\n`,
    line: 1,
    says: 'a lib needs a rank',
  },
  {
    breaks: 'product code uses the testing lib',
    file: 'apps/auth/src/f.ts',
    text: `import { harness } from '@nexus/testing';\nvoid harness;\n`,
    line: 1,
    says: '@nexus/testing is for specs and test/ alone',
  },
  {
    breaks: 'a controller skips its service',
    file: 'apps/auth/src/g.controller.ts',
    text: `import { KeysRepository } from './keys.repository.js';\nvoid KeysRepository;\n`,
    line: 1,
    says: 'controller files do not import repository or entity files',
  },
  {
    breaks: 'a controller knows an entity',
    file: 'apps/auth/src/h.controller.ts',
    text: `import type { KeyEntity } from './key.entity.js';\nexport type H = KeyEntity;\n`,
    line: 1,
    says: 'controller files do not import repository or entity files',
  },
  {
    breaks: 'a service imports a controller',
    file: 'apps/auth/src/i.service.ts',
    text: `import { KeysController } from './keys.controller.js';\nvoid KeysController;\n`,
    line: 1,
    says: 'service files do not import controller files',
  },
  {
    breaks: 'a repository imports a service',
    file: 'apps/auth/src/j.repository.ts',
    text: `import { KeysService } from './keys.service.js';\nvoid KeysService;\n`,
    line: 1,
    says: 'repository files do not import service or controller files',
  },
  {
    breaks: 'an entity imports a repository',
    file: 'apps/auth/src/k.entity.ts',
    text: `import { KeysRepository } from './keys.repository.js';\nvoid KeysRepository;\n`,
    line: 1,
    says: 'entity files do not import repository or service or controller files',
  },
  {
    breaks: 'two files import each other, one of them a type only',
    file: 'libs/kernel/src/clock.ts',
    text: `import type { Clock as Again } from './index.js';\nexport type Clock = Again | 1;\nexport const now = 1;\n`,
    line: 1,
    says: 'no import cycles (type-only imports count): libs/kernel/src/clock.ts → libs/kernel/src/index.ts → libs/kernel/src/clock.ts',
  },
  {
    breaks: 'an acceptance test imports source',
    file: 'test/acceptance/users.spec.ts',
    text: `import { now } from '@nexus/kernel';\nvoid now;\n`,
    line: 1,
    says: 'test/acceptance knows only a base URL',
  },
  {
    breaks: 'an acceptance test imports an app by its path',
    file: 'test/acceptance/files.spec.ts',
    text: `import { start } from '../../apps/main.js';\nvoid start;\n`,
    line: 1,
    says: 'test/acceptance knows only a base URL',
  },
  {
    breaks: 'the product imports a test',
    file: 'apps/auth/src/l.ts',
    text: `import { request } from '../../../test/acceptance/client.js';\nvoid request;\n`,
    line: 1,
    says: 'the product does not import tools/, bench/, test/ or dist/',
  },
  {
    breaks: 'a file imports a spec',
    file: 'libs/http/src/m.ts',
    text: `import './http.spec.js';\n`,
    line: 1,
    says: 'nothing imports a spec',
  },
  {
    breaks: 'an SDK is imported statically',
    file: 'apps/auth/src/n.ts',
    text: `\n\nimport { createTransport } from 'nodemailer';\nvoid createTransport;\n`,
    line: 3,
    says: 'third-party SDKs sit behind a port',
  },
  {
    breaks: 'an SDK that is not installed is imported statically',
    file: 'apps/auth/src/o.ts',
    text: `import { Client } from 'minio';\nvoid Client;\n`,
    line: 1,
    says: 'third-party SDKs sit behind a port',
  },
  {
    breaks: 'an index re-exports a type of an SDK',
    file: 'libs/audit/src/index.ts',
    text: `export type { Transporter } from 'nodemailer';\n`,
    line: 1,
    says: 'the index of a lib does not export a third-party SDK',
  },
  {
    breaks: 'product code needs a devDependency',
    file: 'libs/http/src/p.ts',
    text: `import check from 'fast-check';\nvoid check;\n`,
    line: 1,
    says: 'the product may not need a devDependency at run time',
  },
  {
    breaks: 'a package is imported that package.json does not name',
    file: 'libs/http/src/q.ts',
    text: `import stowaway from 'stowaway';\nvoid stowaway;\n`,
    line: 1,
    says: 'import only packages that package.json names',
  },
  {
    breaks: 'an alias leads nowhere',
    file: 'apps/auth/src/r.ts',
    text: `import { nothing } from '@nexus/nowhere';\nvoid nothing;\n`,
    line: 1,
    says: 'the import leads nowhere',
  },
];

describe('dependency rules', () => {
  let tree: FixtureTree;
  afterAll(() => tree.remove());

  it('accepts a tree that keeps them', () => {
    tree = fixtureTree({ ...SURROUNDINGS, ...KEPT });
    const { code, output } = tree.run('dependencies.ts');
    expect(output).toContain('no faults');
    expect(code).toBe(0);
    tree.remove();
  });

  describe('broken', () => {
    let lines: string[];
    let code: number | null;

    beforeAll(() => {
      // The side door and the loop replace files of the good tree, so that each breach stands alone in its file.
      const broken = Object.fromEntries(BREACHES.map(({ file, text }) => [file, text]));
      tree = fixtureTree({ ...SURROUNDINGS, ...KEPT, ...broken });
      const result = tree.run('dependencies.ts');
      lines = result.output.split('\n');
      code = result.code;
    });

    it('fails the check', () => {
      expect(code).toBe(1);
    });

    it.each(BREACHES)('names file, line and rule when $breaks', ({ file, line, says }) => {
      const place = `${file}:${line}  `;
      const said = lines.filter((text) => text.startsWith(place));
      expect(said).toEqual(expect.arrayContaining([expect.stringContaining(says)]));
    });

    it('blames only files that break a rule', () => {
      const blamed = new Set(lines.filter((text) => /^\S+:\d+ {2}/.test(text)).map((text) => text.split(':')[0]));
      expect([...blamed].sort()).toEqual([...new Set(BREACHES.map(({ file }) => file))].sort());
    });
  });
});
